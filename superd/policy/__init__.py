"""Words → a verdict. Pure: never looks anything up, asks by returning."""
