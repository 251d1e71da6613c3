"""Models and what serving needs around them: intervals, explanations. Everything in a model file comes from here,
from scikit-learn or from LightGBM.
"""
