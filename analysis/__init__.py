"""thermopolis.analysis"""

if __name__ != "thermopolis.analysis":
    raise ImportError("import this folder as thermopolis.analysis (install the project: pip install -e .)")
