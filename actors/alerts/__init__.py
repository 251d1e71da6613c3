"""Alert evaluators: rules over metric samples become alerts and the effects that they ask for."""
