"""A script of ours for websites: page views and events of visitors, without a cookie, as rows of ``website_analytics``."""
