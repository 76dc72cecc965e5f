/* SPDX-License-Identifier: Apache-2.0 */

/* The page: header, breadcrumbs, tooltip, table and input. Texts of the profile enter the document as text only. */
const TABLE_ROWS = 100;
const CRUMBS_MAX = 48;

class Page {
  constructor(profile) {
    this.profile = profile;
    this.view = new View(profile, this.element('graph'), this.element('rows'), this.element('canvas'));
    this.selected = -1;
    this.hovered = null;
    this.history = [];
    this.tableBy = 'self';
    this.timings = { ready: 0 };
    this.pending = false;
  }

  element(id) {
    return document.getElementById(id);
  }

  static create(tag, properties, ...children) {
    const element = Object.assign(document.createElement(tag), properties);
    element.append(...children);
    return element;
  }

  /* Thousands apart from five digits on. */
  static number(n) {
    return n < 10000 ? String(n) : String(n).replace(/\B(?=(\d{3})+$)/g, '\u202f');
  }

  percent(samples, of) {
    const p = of > 0 ? 100 * samples / of : 0;
    return `${p.toFixed(p > 0 && p < 0.095 ? 3 : 1)} %`;
  }

  /* Samples as they are shown: some are times. */
  number(samples) {
    return this.profile.info.time ? this.seconds(samples) : Page.number(samples);
  }

  count(samples) {
    if (this.profile.info.time)
      return `${this.seconds(samples)} ${this.profile.info.unit}`;
    return `${Page.number(samples)} ${this.profile.info.unit}`;
  }

  seconds(samples) {
    const seconds = samples * this.profile.info.nsec / 1e9;
    return seconds >= 100 ? `${Page.number(Math.round(seconds))} s` : seconds >= 1 ? `${seconds.toFixed(2)} s` :
      seconds >= 0.001 ? `${(seconds * 1e3).toFixed(1)} ms` : `${(seconds * 1e6).toFixed(1)} \u00b5s`;
  }

  sum() {
    const { info, total } = this.profile;
    return this.count(total[0]) + (info.nsec > 0 && !info.time ? `, ${this.seconds(total[0])}` : '');
  }

  start() {
    const { info } = this.profile;

    this.element('title').textContent = info.title || 'Flame graph';
    this.element('subtitle').textContent = [info.subtitle, this.sum()].filter(text => text).join(' \u00b7 ');
    if (this.profile.n === 1)
      this.element('graph').prepend(Page.create('p', {
        className: 'empty', textContent: 'There are no samples in this profile.',
      }));
    this.listen();
    this.view.resize();
    this.show();
  }

  /* Draws at once; the table, which is slower and nobody waits for, follows when the picture is on the screen. */
  show() {
    this.view.draw();
    this.placeMarks();
    this.showCrumbs();
    this.element('reset').disabled = this.view.zoom === 0;
    this.element('graph').dataset.zoom = this.profile.text(this.view.zoom);
    this.showDetails();
    clearTimeout(this.tableTimer);
    this.tableTimer = setTimeout(() => this.showTable(), 30);
  }

  redraw() {
    if (this.pending)
      return;
    this.pending = true;
    requestAnimationFrame(() => {
      this.pending = false;
      this.view.draw();
      this.placeMarks();
    });
  }

  zoom(node) {
    if (node === this.view.zoom || node < 0)
      return;
    this.history.push(this.view.zoom);
    this.history.splice(0, this.history.length - 100);
    this.setZoom(node);
  }

  setZoom(node) {
    this.view.setZoom(node);
    this.hovered = null;
    this.selected = -1;
    this.hideTooltip();
    this.show();
  }

  reset() {
    this.history = [];
    if (this.view.zoom !== 0)
      this.setZoom(0);
  }

  matchedText({ samples }) {
    return `matched: ${this.percent(samples, this.profile.total[0])} (${this.count(samples)})`;
  }

  search(text) {
    const input = this.element('search'), matched = this.element('matched');
    let result = null;

    input.removeAttribute('aria-invalid');
    matched.textContent = '';
    try {
      result = text === '' ? null : this.profile.search(text);
    } catch (error) {
      input.setAttribute('aria-invalid', 'true');
      matched.textContent = 'no valid regex';
    }

    this.view.matches = result && result.names;
    const all = this.profile.total[0], matchedPercent = result && all > 0 ? 100 * result.samples / all : 0;
    if (result)
      matched.textContent = this.matchedText(result);
    this.redraw();
    return { matchedPercent, frames: result ? result.frames : 0, samples: result ? result.samples : 0 };
  }

  setSearch(text) {
    this.element('search').value = text;
    return this.search(text);
  }

  showCrumbs() {
    const path = this.profile.path(this.view.zoom), crumbs = this.element('crumbs');
    const cut = Math.max(0, path.length - CRUMBS_MAX);
    const items = path.filter((node, i) => i === 0 || i > cut).map(node => {
      const text = this.profile.text(node);
      const button = Page.create('button', { type: 'button', textContent: text, title: text });
      button.addEventListener('click', () => this.zoom(node));
      return Page.create('li', {}, button);
    });

    if (cut > 0)
      items.splice(1, 0, Page.create('li', { textContent: '\u2026' }));
    crumbs.replaceChildren(...items);
    crumbs.scrollLeft = crumbs.scrollWidth;
  }

  /* The cells of one of the functions @rows. */
  tableCells(row) {
    const { profile, view } = this, of = profile.total[view.zoom];

    return [row.self, row.total].map(samples => {
      const bar = Page.create('i', {});
      bar.style.width = `${of > 0 ? 100 * samples / of : 0}%`;
      return Page.create('td', { className: 'number' }, bar,
        Page.create('span', { textContent: this.number(samples) }),
        Page.create('small', { textContent: this.percent(samples, of) }));
    });
  }

  showTable() {
    const { profile, view } = this;

    this.element('table-scope').textContent = view.zoom === 0 ? '' : `in ${profile.text(view.zoom)}`;
    const rows = profile.top(view.zoom, this.tableBy, TABLE_ROWS);
    this.element('functions').replaceChildren(...rows.map(row => {
      const text = profile.nameText(row.id);
      const tr = Page.create('tr', {}, ...this.tableCells(row, rows), Page.create('td', {
        className: `name ${KIND_NAMES[profile.kindOfName(row.id)]}`, textContent: text, title: text,
      }));
      tr.addEventListener('click', () => this.setSearch(text));
      return tr;
    }));
  }

  sortTable(header) {
    this.tableBy = header.dataset.sort;
    for (const th of document.querySelectorAll('th[data-sort]'))
      th.removeAttribute('aria-sort');
    header.setAttribute('aria-sort', 'descending');
    this.showTable();
  }

  /* What is to be said of a frame, or of merged ones, as pairs of label and value. */
  facts(box) {
    const { profile, view } = this, merged = box.node === MERGED;
    const samples = merged ? Math.round(box.width / view.scale) : profile.total[box.node];

    const facts = [[profile.info.unit, this.number(samples)], ['of all', this.percent(samples, profile.total[0])]];

    if (view.zoom !== 0)
      facts.push(['of zoomed frame', this.percent(samples, profile.total[view.zoom])]);
    if (!merged && profile.self[box.node] > 0)
      facts.push(['self', this.number(profile.self[box.node])]);
    if (profile.info.nsec > 0 && !profile.info.time)
      facts.push(['time', this.seconds(samples)]);
    return facts;
  }

  boxText(box) {
    return box.node === MERGED ? 'several frames too narrow to draw' : this.profile.text(box.node);
  }

  factText(label, value) {
    return label === 'time' ? value : `${value} ${label}`;
  }

  showDetails() {
    const box = this.hovered ?? (this.selected < 0 ? null : this.view.boxOf(this.selected));
    const details = this.element('details');

    if (!box) {
      details.textContent = 'Click a frame to zoom, Esc or double click to go back, / to search.';
      return;
    }
    details.replaceChildren(Page.create('b', { textContent: this.boxText(box) }),
      ' \u2014 ' + this.facts(box).map(([label, value]) => this.factText(label, value)).join(', '));
  }

  showTooltip(box, x, y) {
    const tooltip = this.element('tooltip'), [name, list] = tooltip.children;

    name.textContent = this.boxText(box);
    list.replaceChildren(...this.facts(box).flatMap(([label, value]) =>
      [Page.create('dt', { textContent: label }), Page.create('dd', { textContent: value })]));
    tooltip.hidden = false;

    const { width, height } = tooltip.getBoundingClientRect();
    const left = Math.max(4, Math.min(x + 14, innerWidth - width - 8));
    const top = y + 20 + height > innerHeight ? Math.max(4, y - height - 12) : y + 20;
    tooltip.style.transform = `translate(${Math.round(left)}px, ${Math.round(top)}px)`;
  }

  hideTooltip() {
    this.element('tooltip').hidden = true;
  }

  placeMarks() {
    const place = (id, box) => {
      const mark = this.element(id);
      mark.hidden = !box;
      if (!box)
        return;
      mark.style.transform = `translate(${box.x}px, ${this.view.top(box.depth)}px)`;
      mark.style.width = `${Math.max(2, box.width)}px`;
      mark.style.height = `${ROW_HEIGHT - 1}px`;
    };

    place('hover', this.hovered);
    place('selection', this.selected < 0 ? null : this.view.boxOf(this.selected));
  }

  onPointerMove(event) {
    this.hovered = this.view.hit(event.clientX, event.clientY);
    this.placeMarks();
    this.showDetails();
    if (this.hovered)
      this.showTooltip(this.hovered, event.clientX, event.clientY);
    else
      this.hideTooltip();
  }

  onPointerLeave() {
    this.hovered = null;
    this.placeMarks();
    this.showDetails();
    this.hideTooltip();
  }

  onClick(event) {
    const box = this.view.hit(event.clientX, event.clientY);

    /* The second click of two belongs to "go back". */
    if (box && box.node !== MERGED && event.detail < 2)
      this.zoom(box.node);
  }

  /* From the selected frame to its neighbour, parent or widest child. */
  neighbour(key) {
    const { profile, view } = this, box = this.selected < 0 ? null : view.boxOf(this.selected);

    if (!box)
      return view.zoom;
    if (key === 'ArrowLeft' || key === 'ArrowRight') {
      const step = key === 'ArrowLeft' ? -1 : 1, { node } = view.rows[box.depth];
      let i = box.index + step;
      while (node[i] === MERGED)
        i += step;
      return node[i] ?? box.node;
    }
    if (key === (view.rootAtBottom ? 'ArrowDown' : 'ArrowUp'))
      return profile.parent[box.node];

    let best = box.node;
    for (let i = box.node + 1; i < profile.end[box.node]; i = profile.end[i])
      if (best === box.node || profile.total[i] > profile.total[best])
        best = i;
    return view.boxOf(best) ? best : box.node;
  }

  select(node) {
    this.selected = node;
    this.hovered = null;
    this.hideTooltip();
    this.view.showRow(this.profile.depth[node]);
    this.placeMarks();
    this.showDetails();
  }

  onKey(event) {
    const input = this.element('search'), onControl = event.target.closest('button, input, a') !== null;

    if (event.ctrlKey || event.altKey || event.metaKey)
      return;
    if (event.target === input) {
      if (event.key !== 'Escape')
        return;
      this.setSearch('');
      input.blur();
    } else if (event.key === '/') {
      input.focus();
      input.select();
    } else if (event.key === 'Escape') {
      this.reset();
    } else if (event.key === 'Backspace') {
      if (this.history.length > 0)
        this.setZoom(this.history.pop());
    } else if (event.key.startsWith('Arrow')) {
      this.select(this.neighbour(event.key));
    } else if (event.key === 'Enter' && !onControl && this.selected >= 0) {
      const node = this.selected;
      this.zoom(node);
      this.select(node);
    } else {
      return;
    }
    event.preventDefault();
  }

  listen() {
    const { view } = this, on = (id, type, handler) => this.element(id).addEventListener(type, handler);
    const resized = () => {
      view.resize();
      this.redraw();
    };

    on('canvas', 'pointermove', event => this.onPointerMove(event));
    on('canvas', 'pointerleave', () => this.onPointerLeave());
    on('canvas', 'click', event => this.onClick(event));
    on('canvas', 'dblclick', () => this.reset());
    on('graph', 'scroll', () => {
      this.onPointerLeave();
      this.redraw();
    });
    on('reset', 'click', () => this.reset());
    on('search', 'input', event => this.search(event.target.value));
    on('search-form', 'submit', event => event.preventDefault());
    on('flip', 'click', event => {
      view.flip();
      event.currentTarget.setAttribute('aria-pressed', String(view.rootAtBottom));
      this.redraw();
    });
    on('toggle-table', 'click', event => {
      const hidden = document.body.classList.toggle('table-hidden');
      event.currentTarget.setAttribute('aria-pressed', String(!hidden));
    });
    for (const header of document.querySelectorAll('th[data-sort]'))
      header.addEventListener('click', () => this.sortTable(header));
    document.addEventListener('keydown', event => this.onKey(event));
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.redraw());
    new ResizeObserver(resized).observe(this.element('graph'));
  }
}
