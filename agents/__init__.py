"""thermopolis.agents"""

if __name__ != "thermopolis.agents":
    raise ImportError("import this folder as thermopolis.agents (install the project: pip install -e .)")
