"""How many sessions the pod can hold: what each stage takes is measured at the start, the rest is arithmetic."""
