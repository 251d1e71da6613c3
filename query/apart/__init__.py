"""Queries in processes of their own: whatever one does, it ends when its time, its memory or its reader is gone."""
