"""The business in figures: what revenue, users, conversion, churn and the rest are, and what moved them."""
