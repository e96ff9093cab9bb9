"use strict";
// The live page: asks for the state every second and draws the newest points' curves as SVG.
(() => {
  const { colours } = JSON.parse(document.getElementById("settings").textContent);
  const byId = id => document.getElementById(id);
  const svg = (name, attributes, text) => {
    const node = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [k, v] of Object.entries(attributes)) node.setAttribute(k, v);
    if (text !== undefined) node.textContent = text;
    return node;
  };
  const element = (name, text) => { const node = document.createElement(name); if (text !== undefined) node.textContent = text; return node; };
  const short = v => v !== 0 && (Math.abs(v) < 1e-3 || Math.abs(v) >= 1e5) ? v.toExponential(1) : String(+v.toPrecision(3));
  const W = 460, H = 220, L = 52, R = 18, T = 8, B = 34;
  const dashes = ["", "6 3", "2 3", "8 3 2 3"];

  const chart = (name, curves) => {
    const own = curves.filter(c => c.panels[name]);
    const all = own.flatMap(c => c.panels[name].y.flat()).filter(v => v !== null);
    const first = own[0].panels[name];
    let low = first.rate ? 0 : Math.min(...all), high = first.rate ? 1 : Math.max(...all);
    if (high === low) { low -= Math.abs(low) * .05 || .5; high += Math.abs(high) * .05 || .5; }
    const right = Math.max(...own.map(c => Math.max(...c.panels[name].x)), 1);
    const X = x => L + (W - L - R) * x / right, Y = y => T + (H - T - B) * (high - y) / (high - low);
    const label = `${first.label} over time: ` + own.map(c => `${c.where} at ${short(c.panels[name].y[0].filter(v => v !== null).at(-1) ?? NaN)} now`).join("; ");
    const node = svg("svg", { viewBox: `0 0 ${W} ${H}`, role: "img", "aria-label": label });
    for (let k = 0; k <= 4; k++) {
      const v = low + (high - low) * k / 4;
      node.append(svg("line", { x1: L, x2: W - R, y1: Y(v), y2: Y(v), stroke: "#e6e8ec" }), svg("text", { x: L - 6, y: Y(v) + 4, "text-anchor": "end" }, short(v)));
    }
    for (let k = 0; k <= 4; k++) node.append(svg("text", { x: X(right * k / 4), y: H - 18, "text-anchor": "middle" }, short(Math.round(right * k / 4))));
    node.append(svg("text", { x: (L + W) / 2, y: H - 3, "text-anchor": "middle" }, own[0].time));
    own.forEach(c => {
      const p = c.panels[name];
      p.y.forEach((row, g) => {
        let path = "", pen = "M";
        row.forEach((v, i) => { if (v === null) { pen = "M"; return; } path += `${pen}${X(p.x[i]).toFixed(1)} ${Y(v).toFixed(1)}`; pen = "L"; });
        node.append(svg("path", { d: path, fill: "none", stroke: colours[c.place % colours.length], "stroke-width": 1.8, "stroke-dasharray": dashes[g % dashes.length] }));
      });
    });
    const figure = element("figure");
    figure.append(element("h3", first.label), node);
    const keys = element("ul"); keys.className = "keys";
    own.forEach(c => {
      const item = element("li"), swatch = element("span");
      swatch.className = "swatch"; swatch.style.background = colours[c.place % colours.length];
      item.append(swatch, document.createTextNode(c.where)); keys.append(item);
    });
    figure.append(keys);
    if (first.groups.length > 1) figure.append(element("figcaption", first.groups.map((g, i) => `${["solid", "dashed", "dotted", "dash-dotted"][i % 4]}: ${g}`).join(" · ")));
    return figure;
  };

  let last = "";
  const show = state => {
    byId("name").textContent = state.name;
    document.title = `${state.name} · thermopolis, live`;
    if (state.waiting) { byId("says").textContent = `Waiting for results: ${state.waiting}`; return; }
    byId("bar").max = state.total; byId("bar").value = state.done + state.failed;
    const over = state.ended ? "The run has ended: " : "";
    byId("says").textContent = `${over}${state.done} of ${state.total} points finished` + (state.failed ? `, ${state.failed} failed` : "") + ".";
    byId("failed").hidden = !state.failures.length;
    byId("failures").replaceChildren(...state.failures.map(f => element("li", `${f.where}: ${f.message}`)));
    state.curves.forEach((c, i) => { c.place = i; });
    const names = [...new Set(state.curves.flatMap(c => Object.keys(c.panels)))];
    byId("panels").replaceChildren(...names.map(n => chart(n, state.curves)));
  };
  const ask = async () => {
    try {
      const text = await (await fetch("/state", { cache: "no-store" })).text();
      if (text !== last) { last = text; show(JSON.parse(text)); }
    } catch { byId("says").textContent = "The server has stopped; what is shown is the last it said."; }
    setTimeout(ask, 1000);
  };
  ask();
})();
