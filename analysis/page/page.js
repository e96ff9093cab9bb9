"use strict";
// Panels of the report: decodes the packed arrays, draws each panel with Plotly, and moves all of them together.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const at = data.dims.map(d => d.start);
  const shown = data.groups.map(() => true);
  const drawn = { panels: [] };
  window.thermopolisReport = drawn;

  // uint16 on [low, high]; 65535 is "undefined"
  const unpack = p => {
    const raw = atob(p.data), out = new Float64Array(raw.length / 2);
    for (let i = 0; i < out.length; i++) {
      const n = raw.charCodeAt(2 * i) | (raw.charCodeAt(2 * i + 1) << 8);
      out[i] = n === 65535 ? NaN : p.low + (p.high - p.low) * n / 65534;
    }
    return out;
  };
  const sizes = data.dims.map(d => d.values.length);
  // start of the run of `length` numbers that belong to a place in the sweep and a group
  const offset = (place, group, length) => {
    let i = 0;
    sizes.forEach((n, k) => { i = i * n + place[k]; });
    return (i * data.groups.length + group) * length;
  };
  const rgba = (hex, a) => `rgba(${[1, 3, 5].map(i => parseInt(hex.slice(i, i + 2), 16)).join(",")},${a})`;
  const short = v => !Number.isFinite(v) ? "undefined" : (v !== 0 && (Math.abs(v) < 1e-3 || Math.abs(v) >= 1e5))
    ? v.toExponential(2) : String(+v.toPrecision(3));
  const trio = (x, mean, low, high, group, dots) => {
    const colour = data.colours[group % data.colours.length], name = data.groups[group];
    const thin = { width: 0 }, quiet = { hoverinfo: "skip", showlegend: false, x, type: "scatter", mode: "lines", line: thin };
    const text = Array.from(mean, (m, i) => Number.isFinite(low[i]) ? `${short(m)}  [${short(low[i])}, ${short(high[i])}]` : short(m));
    return [
      { ...quiet, y: Array.from(low) },
      { ...quiet, y: Array.from(high), fill: "tonexty", fillcolor: rgba(colour, .17) },
      { x, y: Array.from(mean), text, name, type: "scatter", mode: dots ? "lines+markers" : "lines", connectgaps: false,
        line: { color: colour, width: 2.2 }, marker: { size: 6, color: colour }, hovertemplate: `%{text}<extra>${data.plain[group]}</extra>` },
    ];
  };
  const font = { family: "Inter, 'Source Sans 3', 'Segoe UI', 'DejaVu Sans', Arial, sans-serif", size: 12.5, color: "#3a3f48" };
  // d3's prefixes end at yotta
  const prefixed = p => ["J", "W", "J/K"].includes(p.units) && Math.max(...p.range.map(Math.abs)) < 1e27;
  const layoutOf = p => ({
    margin: { l: 68, r: 12, t: 8, b: 44 }, font, showlegend: false, hovermode: "x unified", paper_bgcolor: "#fff", plot_bgcolor: "#fff",
    hoverlabel: { font: { size: 12 } },
    xaxis: { title: { text: p.xlabel }, gridcolor: "#eceef1", zeroline: false, type: p.xlog ? "log" : "linear", linecolor: "#888", showline: true,
      tickvals: p.ticks, ticktext: p.ticktext },
    yaxis: { title: { text: p.ylabel }, gridcolor: "#eceef1", zeroline: false, range: p.range, linecolor: "#888", showline: true,
      automargin: true, tickformat: prefixed(p) ? "~s" : "", exponentformat: "power" },
  });
  const config = { responsive: true, displaylogo: false, displayModeBar: false, doubleClick: "reset" };

  const timeTraces = p => data.groups.flatMap((_, g) => {
    if (!shown[g]) return [];
    const from = offset(at, g, p.x.length), cut = a => a.subarray(from, from + p.x.length);
    return trio(p.x, cut(p.mean), cut(p.low), cut(p.high), g, false);
  });
  const sweepTraces = p => data.groups.flatMap((_, g) => {
    if (!shown[g]) return [];
    const along = a => p.x.map((_, i) => a[offset(at.map((v, k) => k === p.dim ? i : v), g, 1)]);
    const [lo, hi, line] = trio(p.x, along(p.mean), along(p.low), along(p.high), g, true);
    const n = p.replicates, dots = { x: [], y: [] };
    if (n) p.x.forEach((x, i) => {
      const from = offset(at.map((v, k) => k === p.dim ? i : v), g, n);
      for (let r = 0; r < n; r++) { dots.x.push(x); dots.y.push(p.dots[from + r]); }
    });
    const cloud = { ...dots, type: "scatter", mode: "markers", hoverinfo: "skip",
      marker: { size: 5, color: data.colours[g % data.colours.length], opacity: .28 } };
    return n ? [lo, hi, cloud, line] : [lo, hi, line];
  });
  const mark = p => [{ type: "line", xref: "x", yref: "paper", x0: p.x[at[p.dim]], x1: p.x[at[p.dim]], y0: 0, y1: 1,
    line: { color: "#9a3412", width: 1.6, dash: "dot" } }];

  const words = p => {
    const place = data.dims.map((d, k) => `${d.label} ${d.text[at[k]]}`).join(", ");
    const parts = data.groups.map((name, g) => {
      if (!shown[g]) return null;
      const values = p.kind === "time" ? p.mean.subarray(offset(at, g, p.x.length), offset(at, g, p.x.length) + p.x.length)
        : p.x.map((_, i) => p.mean[offset(at.map((v, k) => k === p.dim ? i : v), g, 1)]);
      const known = Array.from(values).filter(Number.isFinite);
      return known.length ? `${data.plain[g]} goes from ${short(known[0])} to ${short(known[known.length - 1])}` : `${data.plain[g]} undefined`;
    }).filter(Boolean);
    return `${p.title}${place ? ` at ${place}` : ""}: ${parts.join("; ") || "no group is shown"}.`;
  };
  const fillTable = p => {
    const body = p.node.parentElement.querySelector("tbody");
    const every = Math.max(1, Math.ceil(p.x.length / 12));
    body.replaceChildren(...p.x.flatMap((x, i) => i % every ? [] : data.groups.flatMap((_, g) => {
      const j = p.kind === "time" ? offset(at, g, p.x.length) + i : offset(at.map((v, k) => k === p.dim ? i : v), g, 1);
      const row = document.createElement("tr");
      for (const text of [short(x), data.plain[g], short(p.mean[j]), short(p.low[j]), short(p.high[j])]) {
        const cell = document.createElement("td"); cell.textContent = text; row.append(cell);
      }
      return [row];
    })));
  };
  const draw = p => {
    const layout = layoutOf(p);
    if (p.kind === "sweep") layout.shapes = mark(p);
    Plotly.react(p.node, p.kind === "time" ? timeTraces(p) : sweepTraces(p), layout, config);
    p.node.setAttribute("aria-label", words(p));
    if (p.node.parentElement.querySelector("details").open) fillTable(p);
    p.moves = (p.moves || 0) + 1;
  };
  let asked = false;
  const drawAll = () => {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => { asked = false; drawn.panels.forEach(draw); });
  };

  data.panels.forEach((p, k) => {
    p.node = document.getElementById(`panel-${k}`);
    for (const key of ["mean", "low", "high", "dots"]) if (p[key]) p[key] = unpack(p[key]);
    p.node.parentElement.querySelector("details").addEventListener("toggle", () => fillTable(p));
    drawn.panels.push(p);
    draw(p);
  });
  document.querySelectorAll("[data-dim]").forEach(input => {
    const k = +input.dataset.dim;
    const move = () => {
      at[k] = +input.value;
      const say = document.getElementById(`value-${k}`);
      if (say) say.textContent = data.dims[k].text[at[k]];
      if (input.type === "range") input.setAttribute("aria-valuetext", data.dims[k].text[at[k]]);
      drawAll();
    };
    input.value = at[k];
    input.addEventListener("input", move);
    move();
  });
  document.documentElement.dataset.ready = "yes";
  document.querySelectorAll("[data-group]").forEach(box => {
    box.checked = true;
    box.addEventListener("change", () => { shown[+box.dataset.group] = box.checked; drawAll(); });
  });
})();
