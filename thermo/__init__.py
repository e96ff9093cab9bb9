"""thermopolis.thermo"""

if __name__ != "thermopolis.thermo":
    raise ImportError("import this folder as thermopolis.thermo (install the project: pip install -e .)")
