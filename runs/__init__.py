"""thermopolis.runs"""

if __name__ != "thermopolis.runs":
    raise ImportError("import this folder as thermopolis.runs (install the project: pip install -e .)")
