"""`antiphon install`: the CRDs and the operator into a cluster."""
