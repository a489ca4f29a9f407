"""Which partition a placement group runs on. Pure: nodes, pools and models in, a choice or the reason for none out."""
