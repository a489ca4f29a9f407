"""Small controllers: what makes Deployments, Jobs, Services and budgets come alive."""
