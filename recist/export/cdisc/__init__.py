"""Trial data in the forms of CDISC: SDTM (TU, TR, RS) and ADaM (ADRS, ADTTE), out and in.

The results in another form: every response and date is that of the assessment; no rule is here.
"""
