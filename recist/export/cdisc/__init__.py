"""Trial data in the forms of CDISC: SDTM (TU, TR, RS) and ADaM (ADRS, ADTTE), out and in.

A face of the results: every response and date comes from the assessment, nothing is judged here.
"""
