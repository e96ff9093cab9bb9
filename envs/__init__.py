"""thermopolis.envs"""

if __name__ != "thermopolis.envs":
    raise ImportError("import this folder as thermopolis.envs (install the project: pip install -e .)")
