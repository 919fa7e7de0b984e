"""Kinds by cause, one file each; `tcptrace_py.findings.causes.claims.Causes` collects them."""
