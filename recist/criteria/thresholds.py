"""The numbers of the papers that decide on a lesion or a sum, each once.

Sums and diameters are judged with the exact decimals. Plots and simulations, which decide on
nothing, take the factors. What a trial may choose is no constant: see :mod:`recist.protocol`. How
many lesions become targets is in :mod:`recist.criteria.target_limits`.
"""

from __future__ import annotations

from decimal import Decimal

# --- change of a sum (Eisenhauer 2009, section 4.3.1) --------------------------------------------
#: Progression: at least so much above the nadir ...
PD_PERCENT = Decimal(20)
#: ... and at least so much in absolute terms.
PD_GROWTH_MM = Decimal(5)
#: Partial response: at least so much below the baseline.
PR_PERCENT = Decimal(30)

#: The same as factors of the nadir and of the baseline, for plots and simulations only.
PD_FACTOR = float(1 + PD_PERCENT / 100)
PR_FACTOR = float(1 - PR_PERCENT / 100)

# --- change of non-targets (Eisenhauer 2009, section 4.3.4) --------------------------------------
#: Of an increase of the whole burden, so much in diameter is the guide of the paper, which is so
#: much in volume (1.2 x 1.2 x 1.2): a non-target that grows by it has grown as targets do in
#: progression. A guide to look again, not a rule.
GUIDE_VOLUME_FACTOR = Decimal("1.73")

# --- size of a lesion (Eisenhauer 2009, section 3.1.1) -------------------------------------------
#: The least longest diameter of a measurable lesion on CT, MRI or by caliper.
MEASURABLE_MM = Decimal(10)
#: The least short axis of a measurable node, which may be a target.
MEASURABLE_NODE_MM = Decimal(15)
#: The least short axis of a pathological node; below, a node is normal.
PATHOLOGICAL_NODE_MM = Decimal(10)
#: The least longest diameter on a chest radiograph, surrounded by lung.
MEASURABLE_ON_RADIOGRAPH_MM = Decimal(20)

# --- thickness of slices (Eisenhauer 2009, section 3.1.1 and Appendix II) ------------------------
#: Slices up to here need no more than the least diameter; the protocol's ``slice_tolerance_mm`` is
#: added.
THICK_SLICE_MM = Decimal(5)
#: Where slices are thicker, a lesion must measure so many of them.
SLICES_ACROSS = 2

# --- confirmation (Hodi 2018; Nishino 2013) ------------------------------------------------------
#: From a progression of the measured burden to the scan that confirms or negates it: 4 weeks. The
#: windows of RECIST 1.1 and iRECIST are settings (``confirmation_days``, ``confirm_min_days``,
#: ``confirm_max_days``).
BURDEN_CONFIRMATION_DAYS = 28
