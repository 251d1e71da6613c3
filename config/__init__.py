"""Configuration: typed settings (``config.settings``) and the presets ``base``, ``course``, ``saas`` and ``demo``.

Only the composition root reads settings; everything below it is handed small specs.
"""
