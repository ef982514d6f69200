"""The statistics against R's ``survival`` and ``cmprsk`` on the same tables, to 1e-8.

R is an oracle: nothing but this test knows of it.
"""

from __future__ import annotations

import json
import math
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recist.cohort.competing import cumulative_incidence
from recist.cohort.hazards import cox, log_rank, proportionality
from recist.cohort.interval_censoring import turnbull
from recist.cohort.survival import IntervalScale, kaplan_meier

pytestmark = [pytest.mark.slow, pytest.mark.statistics]

TOLERANCE = 1e-8
TABLES = 2
AT = (30.0, 90.5, 182.625, 300.0)

SCRIPT = r"""
suppressMessages(library(survival)); suppressMessages(library(cmprsk))
d <- read.csv("table.csv")
show <- function(x) { x <- as.numeric(x); x[is.na(x)] <- -1
                      paste0("[", paste(sprintf("%.15g", x), collapse=","), "]") }
out <- c()
say <- function(name, x) out <<- c(out, paste0('"', name, '":', show(x)))
for (kind in c("log", "log-log", "plain")) {
  f <- survfit(Surv(days, event) ~ 1, d, conf.type=kind)
  s <- summary(f, times=c(30, 90.5, 182.625, 300), extend=TRUE)
  say(paste(kind, "survival"), s$surv)
  say(paste(kind, "error"), s$std.err)
  say(paste(kind, "low"), s$lower)
  say(paste(kind, "high"), s$upper)
  q <- quantile(f, c(.25, .5, .75))
  say(paste(kind, "quantile"), q$quantile)
  say(paste(kind, "quantile low"), q$lower)
  say(paste(kind, "quantile high"), q$upper)
}
f <- survfit(Surv(days, event) ~ 1, d)
say("rmean", summary(f, rmean=180)$table[c("rmean", "se(rmean)")])
say("risk", summary(f, times=c(0, 30, 90.5), extend=TRUE)$n.risk)
say("logrank", survdiff(Surv(days, event) ~ arm, d)$chisq)
say("stratified", survdiff(Surv(days, event) ~ arm + strata(line), d)$chisq)
tight <- coxph.control(eps=1e-14, iter.max=100)
for (ties in c("efron", "breslow")) {
  m <- coxph(Surv(days, event) ~ arm + age, d, ties=ties, control=tight)
  say(paste(ties, "cox"), c(coef(m), sqrt(diag(vcov(m)))))
}
m <- coxph(Surv(days, event) ~ arm + age + strata(line), d, control=tight)
say("strata cox", c(coef(m), sqrt(diag(vcov(m)))))
say("zph", cox.zph(coxph(Surv(days, event) ~ arm + age, d, control=tight))$table[1:2, "chisq"])
d$kind <- factor(d$cause, 0:2)
a <- survfit(Surv(days, kind) ~ 1, d, influence=TRUE)
s <- summary(a, times=c(30, 90.5, 182.625, 300), extend=TRUE)
say("incidence", s$pstate[, 2])
say("incidence error", s$std.err[, 2])
together <- rowsum(a$influence.pstate[, , 2], d$patient)
at <- findInterval(c(30, 90.5, 182.625, 300), a$time)
extra <- ncol(together) - length(a$time)  # a column for time zero
say("clustered error", sqrt(colSums(together^2))[at + extra])
g <- timepoints(cuminc(d$days, d$cause), c(30, 90.5, 182.625))
say("cmprsk", g$est[1, ])
t <- survfit(Surv(ifelse(after == 0, NA, after), ifelse(by < 0, NA, by), type="interval2") ~ 1, d)
say("turnbull days", t$time)
say("turnbull", t$surv)
cat("{", paste(out, collapse=","), "}", sep="")
"""


def table(seed: int) -> dict[str, Any]:
    """A cohort with ties, censoring, strata, two causes and visits."""
    random = np.random.default_rng(seed)
    n = int(random.integers(40, 120))
    arm = (random.random(n) < 2 / 3).astype(int)
    time = np.ceil(random.exponential(180 / np.where(arm == 1, 0.7, 1.0)))
    end = np.ceil(random.uniform(60, 500, n))
    event = (time <= end).astype(int)
    days = np.minimum(time, end)
    visit = 56 * np.floor(days / 56)
    return {
        "days": days,
        "event": event,
        "arm": arm,
        "age": np.round(random.normal(60, 10, n)),
        "line": random.integers(1, 4, n),
        "cause": event * random.integers(1, 3, n),
        "patient": random.integers(1, 30, n),
        "after": visit,
        "by": np.where(event == 1, visit + 56, -1),
    }


@pytest.fixture(scope="module", params=range(TABLES))
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    data = table(request.param)
    folder: Path = tmp_path_factory.mktemp("r")
    rows = zip(*data.values(), strict=True)
    lines = [",".join(data), *(",".join(f"{value:g}" for value in row) for row in rows)]
    (folder / "table.csv").write_text("\n".join(lines))
    (folder / "script.R").write_text(SCRIPT)
    done = subprocess.run(
        ["Rscript", "script.R"], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return data, json.loads(done.stdout)


def close(found: Any, expected: Any, tolerance: float = TOLERANCE) -> None:
    known = [-1.0 if value is None or math.isnan(value) else float(value) for value in found]
    assert known == pytest.approx(expected, abs=tolerance, rel=tolerance)


def test_kaplan_meier(pair: Any) -> None:
    data, r = pair
    curve = kaplan_meier(data["days"], data["event"])
    for kind in IntervalScale:
        bounds = [curve.interval(day, kind) or (None, None) for day in AT]
        reached = [curve.survival[-1] > 0 or curve.days[-1] > day for day in AT]
        close([curve.at(day) for day in AT], r[f"{kind} survival"])
        for k, known in enumerate(reached):
            if known:
                close([curve.standard_error(AT[k])], [r[f"{kind} error"][k]])
                close([bounds[k][0], bounds[k][1]], [r[f"{kind} low"][k], r[f"{kind} high"][k]])
        shares = (0.25, 0.5, 0.75)
        close([curve.quantile(share) for share in shares], r[f"{kind} quantile"])
        ends = [curve.quantile_interval(share, kind) for share in shares]
        close([low for low, _ in ends], r[f"{kind} quantile low"])
        close([high for _, high in ends], r[f"{kind} quantile high"])
    close(curve.restricted_mean(180) or (), r["rmean"])
    close(curve.at_risk_on([0, 30, 90.5]), r["risk"])


def test_log_rank(pair: Any) -> None:
    data, r = pair
    plain = log_rank(data["days"], data["event"], data["arm"])
    layered = log_rank(data["days"], data["event"], data["arm"], data["line"])
    assert plain is not None and layered is not None
    close([plain.chi_squared], r["logrank"])
    close([layered.chi_squared], r["stratified"])


def test_cox(pair: Any) -> None:
    data, r = pair
    covariates = {"arm": data["arm"], "age": data["age"]}

    def flat(strata: Any = None, ties: str = "efron") -> list[float]:
        effects = cox(data["days"], data["event"], covariates, strata, ties)
        assert effects is not None
        return [each.log_hazard_ratio for each in effects] + [
            each.standard_error for each in effects
        ]

    close(flat(), r["efron cox"])
    close(flat(ties="breslow"), r["breslow cox"])
    close(flat(data["line"]), r["strata cox"])
    tests = proportionality(data["days"], data["event"], covariates)
    close([each.chi_squared for each in tests or ()], r["zph"])


def test_cumulative_incidence(pair: Any) -> None:
    data, r = pair
    found = cumulative_incidence(data["days"], data["cause"], 1)
    close([found.at(day) for day in AT], r["incidence"])
    close([found.standard_error(day) for day in AT], r["incidence error"])
    clustered = cumulative_incidence(data["days"], data["cause"], 1, data["patient"])
    close([clustered.standard_error(day) for day in AT], r["clustered error"])
    known = [value for value in r["cmprsk"] if value >= 0]
    close([found.at(day) for day in AT[: len(known)]], known)


def test_turnbull(pair: Any) -> None:
    """R draws the step of an interval in its middle, where ours says both bounds."""
    data, r = pair
    found = turnbull(data["after"], np.where(data["by"] < 0, np.inf, data["by"]))
    close([found.at(day)[0] for day in r["turnbull days"]], r["turnbull"])
