"""The shipped devices. Every figure has its provenance and source; what nobody published is unset."""

from __future__ import annotations

from thermopolis.thermo.device import Device, Figure, landauer_joules

_KTLN2 = landauer_joules(300.0)
_LANDAUER = "Landauer 1961: k_B T ln 2 per bit erased, 300 K"
_PAPER = "arXiv 2510.23972 (second-hand)"
_SPICE = "SPICE, pre-silicon; second-hand, source not seen by us; elsewhere 1.2 fJ is implied"

LANDAUER = Device(
    name="landauer",
    summary="the thermodynamic limit: only erased bits cost; moves cost the heat they give, booked apart",
    update=Figure(0.0, 0.0, 0.0, "bound", "a reversible update dissipates its heat alone (field `heat`)"),
    read=Figure(_KTLN2, None, None, "bound", _LANDAUER + ": the copy read out is erased later"),
    write=Figure(16 * _KTLN2, None, None, "bound", _LANDAUER + ", 16 bits overwritten per number"),
    rng=Figure(0.0, 0.0, 0.0, "bound", "random bits come from the bath; their heat is in `heat`"),
)

CMOS_PBIT = Device(
    name="cmos_pbit",
    summary="transistor noise p-bits, digital weights",
    update=Figure(
        7.09e-15 - 350e-18,
        1.2e-15 - 350e-18,
        7.09e-15 - 350e-18,
        "spice",
        f"7.09 fJ per cell update less its random bit; {_SPICE}; modelled 1.2–2 fJ in {_PAPER}",
    ),
    read=Figure(1.692e-12, None, None, "spice", _SPICE),
    write=Figure(153.6e-12, None, None, "spice", _SPICE),
    rng=Figure(350e-18, None, None, "measured", _PAPER),
    clock_hertz=Figure(10e6, 10e6, 50e6, "measured", f"RNG rate, {_PAPER}; at most 50 MHz by {_SPICE}"),
    cells=269_568,
    rng_correlation_seconds=Figure(100e-9, None, None, "measured", _PAPER),
)

MAGNETIC_PBIT = Device(
    name="magnetic_pbit",
    summary="stochastic magnetic tunnel junction p-bits; the bit alone is published",
    rng=Figure(2e-15, None, None, "published", "arXiv 2304.05949: 2 fJ per random bit"),
)

RLC = Device(
    name="rlc_stochastic_unit",
    summary="eight coupled RLC cells with injected noise; no joule figure found",
    cells=8,
)

CPU = Device(
    name="cpu",
    summary="a digital core emulating the sampler with 32-bit numbers, from instruction energies",
    update=Figure(
        1e-9, 3e-10, 3e-9, "estimate", "about 10 ns·W: 100 M cell updates/s per core at some 100 mW–1 W"
    ),
    read=Figure(1e-11, None, None, "estimate", "one cache access of a word"),
    write=Figure(1e-11, None, None, "estimate", "one cache access of a word"),
    rng=Figure(
        3e-11, 1e-11, 1e-10, "estimate", "one of 32 bits of a counter-based word: a few integer instructions"
    ),
)

GPU = Device(
    name="gpu",
    summary="a graphics processor emulating the sampler with 32-bit numbers",
    update=Figure(
        5e-11,
        1e-11,
        2e-10,
        "estimate",
        "a few tens of 32-bit operations of about 1 pJ, with their memory traffic",
    ),
    read=Figure(1e-11, None, None, "estimate", "one word from on-chip memory"),
    write=Figure(1e-10, None, None, "estimate", "one word through off-chip memory"),
    rng=Figure(2e-12, 5e-13, 1e-11, "estimate", "one random bit: a few integer operations"),
)

PRESETS: dict[str, Device] = {d.name: d for d in (LANDAUER, CMOS_PBIT, MAGNETIC_PBIT, RLC, CPU, GPU)}
