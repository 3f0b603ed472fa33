"use strict";
(() => {
  const all = (selector, from = document) => Array.from(from.querySelectorAll(selector));
  const one = (selector, from = document) => from.querySelector(selector);
  const say = (text) => { one("#status").textContent = text; };
  const VERDICTS = { n: "no", u: "unknown", p: "partial", y: "yes" };
  const ORDER = ["no", "unknown", "partial", "yes"];
  const GLYPHS = { yes: "✓", partial: "◐", unknown: "?", no: "✕" };
  const WORDS = { yes: "yes", partial: "part", unknown: "not known", no: "no" };

  /* colours: as the system has them until someone chooses; kept where the browser lets us */
  const theme = one(".theme");
  const kept = {
    get() { try { return localStorage.getItem("convlint-theme"); } catch { return null; } },
    set(value) { try { localStorage.setItem("convlint-theme", value); } catch { /* a page from disk may not */ } },
  };
  const paint = (choice) => {
    if (choice === "auto") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = choice;
    for (const button of all("button", theme)) button.setAttribute("aria-pressed", String(button.dataset.themeChoice === choice));
  };
  theme.hidden = false;
  paint(["light", "dark"].includes(kept.get()) ? kept.get() : "auto");
  theme.addEventListener("click", (event) => {
    const choice = event.target.dataset.themeChoice;
    if (choice) { paint(choice); kept.set(choice); }
  });

  /* what a link leads to is opened */
  const reveal = () => {
    const target = location.hash.length > 1 && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!target) return;
    for (let around = target; around; around = around.parentElement) if (around.tagName === "DETAILS") around.open = true;
    if (target.hidden) target.hidden = false;
    target.scrollIntoView({ block: target.matches("tr") ? "center" : "start" });
    const first = target.matches("tr") ? one("a, button", target) : null;
    if (first) first.focus({ preventScroll: true });
  };
  addEventListener("hashchange", reveal);
  document.addEventListener("click", (event) => {
    const link = event.target.closest('a[href^="#"]');
    if (link && link.hash === location.hash) reveal();
  });
  addEventListener("load", reveal);

  /* where we are */
  const sections = new Map(all(".contents a[href^='#']").map((link) => [link.hash.slice(1), link]));
  const watcher = new IntersectionObserver((entries) => {
    for (const entry of entries) if (entry.isIntersecting) {
      for (const link of sections.values()) link.removeAttribute("aria-current");
      sections.get(entry.target.id).setAttribute("aria-current", "true");
    }
  }, { rootMargin: "-15% 0px -75% 0px" });
  for (const id of sections.keys()) if (document.getElementById(id)) watcher.observe(document.getElementById(id));

  /* tables that can be sorted */
  const key = (row, at, how) => {
    const cell = row.children[at];
    if (!cell) return how === "text" ? "" : -1;
    if (how === "number") return Number(cell.dataset.number ?? cell.textContent);
    if (how === "verdict") return ORDER.indexOf(cell.dataset.verdict);
    return (one(".operator", cell) ?? cell).textContent.trim().toLowerCase();
  };
  const sort = (table, head) => {
    const heads = all("thead th", table);
    const at = heads.indexOf(head);
    const up = head.getAttribute("aria-sort") === "ascending" ? -1 : 1;
    for (const other of heads) other.setAttribute("aria-sort", "none");
    head.setAttribute("aria-sort", up > 0 ? "ascending" : "descending");
    const rows = all("tbody > tr.use", table).map((row, place) => ({ row, place, key: key(row, at, head.dataset.sort) }));
    rows.sort((a, b) => up * (a.key < b.key ? -1 : a.key > b.key ? 1 : 0) || a.place - b.place);
    const body = one("tbody", table);
    for (const { row } of rows) {
      const evidence = document.getElementById(`${row.id}-evidence`);
      body.append(row);
      if (evidence) body.append(evidence);
    }
    say(`Sorted by ${head.textContent.trim()}, ${up > 0 ? "ascending" : "descending"}`);
  };
  for (const table of all("table[data-sortable]")) for (const head of all("thead th[data-sort]", table)) {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    head.setAttribute("aria-sort", "none");
    button.addEventListener("click", () => sort(table, head));
  }

  /* filters */
  const checked = (filters, name) => {
    const boxes = all(`input[data-${name}]`, filters);
    return new Set(boxes.filter((box) => box.checked).map((box) => box.dataset[name]));
  };
  const words = (filters) => one("[data-search]", filters).value.toLowerCase().split(/\s+/).filter(Boolean);
  const has = (element, wanted) => {
    const text = element.textContent.toLowerCase();
    return wanted.every((word) => text.includes(word));
  };
  const filter = (name, apply) => {
    const filters = one(`[data-filter="${name}"]`);
    if (!filters) return;
    filters.hidden = false;
    const section = filters.parentElement;
    const run = () => {
      const [shown, total, noun] = apply(filters, section);
      one(".empty", section).hidden = shown > 0;
      const text = shown === total ? `${total} ${noun}` : `${shown} of ${total} ${noun}`;
      const place = one("[data-shown]", filters);
      if (place) place.textContent = text;
      return text;
    };
    filters.addEventListener("input", () => say(run()));
    run();
  };
  filter("findings", (filters, section) => {
    const severities = checked(filters, "severity"), wanted = words(filters);
    let shown = 0;
    for (const file of all(".file", section)) {
      let here = 0;
      const path = one(".path", file).textContent.toLowerCase();
      for (const finding of all(".finding", file)) {
        const rest = wanted.filter((word) => !path.includes(word));
        finding.hidden = !(severities.has(finding.dataset.severity) && has(finding, rest));
        here += finding.hidden ? 0 : 1;
      }
      file.hidden = here === 0;
      shown += here;
    }
    return [shown, all(".finding", section).length, "findings"];
  });
  filter("models", (filters, section) => {
    const states = checked(filters, "state"), wanted = words(filters), rows = all("tr.use", section);
    for (const row of rows) row.hidden = !(states.has(row.dataset.state) && has(row.children[0], wanted));
    return [rows.filter((row) => !row.hidden).length, rows.length, "models"];
  });
  const write = (cell, verdict, text) => {
    cell.className = `verdict ${verdict}`;
    cell.dataset.verdict = verdict;
    one(".glyph", cell).textContent = GLYPHS[verdict];
    one(".word", cell).textContent = text;
  };
  const originals = new Map();
  filter("matrix", (filters, section) => {
    const verdicts = checked(filters, "verdict"), wanted = words(filters);
    const names = one("input[data-target]", filters) ? checked(filters, "target") : null;
    const opset = one("[data-opset]", filters)?.value ?? "";
    const heads = all("thead th[data-target]", section);
    const open = heads.map((head) => {
      const at = head.dataset.opsets.split(" ").indexOf(opset);
      head.hidden = (names !== null && !names.has(head.dataset.target)) || (opset !== "" && at < 0);
      return head.hidden ? -1 : at;
    });
    const rows = all("tr.use", section);
    for (const row of rows) {
      let meets = false;
      all("td.verdict", row).forEach((cell, column) => {
        if (!originals.has(cell)) originals.set(cell, [cell.dataset.verdict, one(".word", cell).textContent]);
        cell.hidden = heads[column].hidden;
        const verdict = VERDICTS[cell.dataset.by[open[column]]];
        if (opset !== "" && verdict) write(cell, verdict, WORDS[verdict]);
        else write(cell, ...originals.get(cell));
        meets ||= !cell.hidden && verdicts.has(cell.dataset.verdict);
      });
      row.hidden = !(meets && has(row.children[0], wanted));
      const evidence = document.getElementById(`${row.id}-evidence`);
      if (row.hidden) close(row);
      else for (const told of all("[data-column]", evidence)) told.hidden = heads[told.dataset.column].hidden;
    }
    return [rows.filter((row) => !row.hidden).length, rows.length, "operators"];
  });

  /* the evidence of a cell */
  function close(row) {
    document.getElementById(`${row.id}-evidence`).hidden = true;
    for (const button of all("td.verdict button", row)) button.setAttribute("aria-expanded", "false");
  }
  for (const table of all(".heatmap")) {
    table.addEventListener("click", (event) => {
      const button = one("button", event.target.closest("td.verdict") ?? document.createElement("td"));
      if (!button) return;
      const row = button.closest("tr"), was = button.getAttribute("aria-expanded") === "true";
      close(row);
      if (was) return;
      const evidence = document.getElementById(`${row.id}-evidence`);
      button.setAttribute("aria-expanded", "true");
      evidence.hidden = false;
      for (const told of all("[data-column]", evidence)) told.classList.toggle("current", told.dataset.column === button.dataset.column);
      const told = one(".current", evidence);
      told.parentElement.prepend(told);
      say(told.textContent.replace(/\s+/g, " ").trim());
    });
    table.addEventListener("keydown", (event) => {
      const cell = event.target.closest("td.verdict");
      if (!cell) return;
      if (event.key === "Escape") { close(cell.parentElement); return; }
      const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
      if (!step) return;
      const rows = all("tr.use", table).filter((row) => !row.hidden);
      const cells = (row) => all("td.verdict", row).filter((other) => !other.hidden);
      const row = rows[rows.indexOf(cell.parentElement) + step[0]];
      const next = row && cells(row)[cells(cell.parentElement).indexOf(cell) + step[1]];
      if (next) { event.preventDefault(); one("button", next).focus(); }
    });
  }

  /* the graph: drawn smaller where that makes it fit, as far as it can be read */
  const SMALLEST = 0.85;
  const SVG = "http://www.w3.org/2000/svg";
  const shape = (name, attributes, text) => {
    const made = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    if (text !== undefined) made.textContent = text;
    return made;
  };
  const drawBox = ([x, y, width, height, title, under, kind, verdicts, cut, label, view, node]) => {
    const box = shape("g", { class: `box ${kind}`, transform: `translate(${x} ${y})` });
    Object.assign(box.dataset, { verdicts, cut });
    if (view !== null || node !== null) {
      box.setAttribute("role", "button");
      box.setAttribute("aria-label", label || (under ? `${title}, ${under}` : title));
      if (view !== null) box.dataset.open = view;
      else box.dataset.node = node;
    }
    if (label) box.append(shape("title", {}, label));
    if (kind === "fold") box.append(shape("rect", { class: "behind", x: 4, y: 4, width, height, rx: 7 }));
    box.append(shape("rect", { class: "face", width, height, rx: under ? 7 : 13 }));
    box.append(shape("text", { class: "title", x: width / 2, y: under ? 18 : 17 }, title));
    if (under) box.append(shape("text", { class: "under", x: width / 2, y: 34 }, under));
    box.append(shape("text", { class: "scissors", x: 11, y: 15, "aria-hidden": "true" }));
    box.append(shape("text", { class: "sign", x: width - 9, y: 13, "aria-hidden": "true" }));
    return box;
  };
  for (const graph of all("[data-graph]")) {
    const { scenes, nodes, lines } = JSON.parse(one("[data-drawing]", graph).textContent);
    const canvas = one("[data-canvas]", graph), trail = one("[data-trail]", graph), detail = one("[data-detail]", graph);
    const select = one("[data-graph-target]", graph);
    const to = one("[data-to-cut]", graph);
    let here = 0, scale = 1;
    const colour = () => {
      const at = select ? Number(select.value) : 0;
      for (const line of all("path[data-cut]", graph)) line.classList.toggle("crossing", line.dataset.cut[at] === "1");
      for (const box of all(".box", graph)) {
        box.dataset.letter = box.dataset.verdicts[at] ?? "-";
        box.dataset.part = box.dataset.cut[at] ?? "0";
        one(".sign", box).textContent = GLYPHS[VERDICTS[box.dataset.letter]] ?? "";
        one(".scissors", box).textContent = box.dataset.part === "2" ? "✂" : "";
      }
      for (const told of all("[data-cut-of]", graph)) told.hidden = Number(told.dataset.cutOf) !== at;
      const cuts = scenes.findIndex((scene) => scene[5].some((line) => line[1][at] === "1"));
      if (to) { to.hidden = cuts < 0; to.dataset.open = cuts; }
    };
    const boxes = () => all(".box[role]", canvas);
    const rove = (box) => {
      for (const other of boxes()) other.setAttribute("tabindex", other === box ? "0" : "-1");
    };
    const crumbs = (number) => {
      const [title, parent] = scenes[number], parts = [];
      for (let at = parent; at !== null; at = scenes[at][1]) {
        const crumb = document.createElement("button");
        crumb.type = "button";
        crumb.className = "crumb";
        crumb.dataset.open = at;
        crumb.textContent = scenes[at][0];
        parts.unshift(crumb, " › ");
      }
      const last = document.createElement("strong");
      last.textContent = title;
      trail.replaceChildren(...parts, last);
    };
    const open = (number) => {
      const [title, , width, height, drawn, paths] = scenes[number];
      scale = Math.min(1, Math.max(SMALLEST, canvas.clientWidth / width));
      const svg = shape("svg", { width: width * scale, height: height * scale, viewBox: `0 0 ${width} ${height}`, role: "group", "aria-label": `Graph of ${title}` });
      const marker = shape("marker", { id: "arrow", viewBox: "0 0 8 8", refX: 1, refY: 4, markerWidth: 7, markerHeight: 7, markerUnits: "userSpaceOnUse", orient: "auto" });
      marker.append(shape("path", { class: "arrow", d: "M0 .5L7.5 4L0 7.5z" }));
      svg.append(marker);
      for (const [d, cut, back] of paths) {
        const line = shape("path", { class: back ? "line back" : "line", d, "marker-end": "url(#arrow)" });
        line.dataset.cut = cut;
        svg.append(line);
      }
      svg.append(...drawn.map(drawBox));
      canvas.replaceChildren(svg);
      crumbs(number);
      colour();
      const first = drawn[0];
      if (first) canvas.scrollTo(scale * (first[0] + first[2] / 2) - canvas.clientWidth / 2, 0);
      rove(boxes()[0]);
    };
    const go = (number) => {
      const from = here;
      here = number;
      open(number);
      const box = boxes().find((other) => other.dataset.open === String(from)) ?? boxes()[0];
      if (box) { rove(box); box.focus({ preventScroll: true }); box.scrollIntoView({ block: "nearest", inline: "nearest" }); }
      say(one("svg", canvas).getAttribute("aria-label"));
    };
    for (const filters of all(".filters", graph)) filters.hidden = false;
    select?.addEventListener("change", () => { colour(); say(one(`[data-cut-of="${select.value}"]`, graph).textContent); });
    open(0);

    const item = (list, name, ...content) => {
      const term = document.createElement("dt"), text = document.createElement("dd");
      term.textContent = name;
      text.append(...content);
      list.append(term, text);
      return text;
    };
    const tell = (box) => {
      const [operator, name, scope, type, at, row] = nodes[Number(box.dataset.node)];
      for (const other of all(".box[aria-pressed]", graph)) other.removeAttribute("aria-pressed");
      box.setAttribute("aria-pressed", "true");
      const title = document.createElement("h3"), list = document.createElement("dl");
      title.textContent = operator;
      item(list, "name", name);
      if (type) item(list, "gives", type);
      if (scope) item(list, "module", scope);
      if (at >= 0) {
        const [place, href, code] = lines[at], link = document.createElement(href ? "a" : "span");
        if (href) link.href = href;
        link.className = "place";
        link.textContent = place;
        const text = item(list, "line", link);
        if (code) text.append(Object.assign(document.createElement("pre"), { textContent: code }));
      }
      const evidence = row && document.getElementById(`${row}-evidence`);
      if (evidence) {
        for (const told of all("[data-column]", evidence)) {
          item(list, one("dt", told).textContent, ...all("dd", told).flatMap((text) => Array.from(text.cloneNode(true).childNodes)));
        }
        item(list, "more", Object.assign(document.createElement("a"), { href: `#${row}`, textContent: "its row in the matrix" }));
      }
      detail.replaceChildren(title, list);
    };
    const act = (box) => {
      if (box.dataset.open !== undefined) go(Number(box.dataset.open));
      else tell(box);
    };
    to?.addEventListener("click", () => {
      go(Number(to.dataset.open));
      const line = one("path.crossing", canvas).getBBox();
      const middle = [scale * (line.x + line.width / 2), scale * (line.y + line.height / 2)];
      canvas.scrollTo(middle[0] - canvas.clientWidth / 2, middle[1] - canvas.clientHeight / 2);
    });
    graph.addEventListener("click", (event) => {
      const box = event.target.closest(".box[role]"), crumb = event.target.closest(".crumb");
      if (crumb) go(Number(crumb.dataset.open));
      if (box) { rove(box); act(box); }
    });
    canvas.addEventListener("keydown", (event) => {
      const order = boxes(), box = event.target.closest(".box[role]");
      if (event.key === "Escape" && scenes[here][1] !== null) go(scenes[here][1]);
      const step = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
      if (step && box) {
        event.preventDefault();
        const next = order[order.indexOf(box) + step];
        if (next) { rove(next); next.focus({ preventScroll: true }); next.scrollIntoView({ block: "nearest", inline: "nearest" }); }
      }
      if (box && (event.key === "Enter" || event.key === " ")) { event.preventDefault(); act(box); }
    });
  }

  /* of a plot that is wider than the page, the place where numbers part is shown */
  for (const first of all(".errors .first")) {
    const view = first.closest(".scroll");
    view.scrollLeft = first.getBoundingClientRect().x - view.getBoundingClientRect().x - view.clientWidth / 2;
  }

  /* all that is folded goes onto paper, and is folded again after */
  let opened = [];
  addEventListener("beforeprint", () => {
    opened = all("details:not([open])");
    for (const details of opened) details.open = true;
  });
  addEventListener("afterprint", () => { for (const details of opened) details.open = false; });
})();
