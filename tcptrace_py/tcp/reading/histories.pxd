from tcptrace_py.tcp.evidence cimport Evidence
