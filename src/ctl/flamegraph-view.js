/* SPDX-License-Identifier: Apache-2.0 */

/* The picture: lays out what is wide enough to be seen, draws the rows that are scrolled into view, and says what is
   at a point. All lengths are CSS pixels; boxes are snapped to device pixels when drawn. */
const ROW_HEIGHT = 19;
const NARROWEST = 0.5;
const MERGED = -1; /* stands for neighbours that are too narrow, and all above them */
const PALETTES = {
  light: {
    back: '#fbfaf8', text: '#2a1c10', root: '#dcd7cf', match: '#d946c4', matchText: '#ffffff',
    merged: '#ded8ce', dim: '#eeeae3', dimText: '#736c62',
    fills: [
      ['#f7b977', '#f3a96b', '#f6c583', '#ee9d62', '#f9cf92', '#f2b26a', '#eba86f', '#f5bd8c'],
      ['#8fbce6', '#84b4e0', '#9cc5ea', '#7aabd9'],
      ['#cfcbc4', '#c9c5be', '#d5d1cb', '#c2beb6'],
    ],
    same: '#e6e2db',
    more: ['#f5d3c8', '#f2b8a6', '#ee9a83', '#e87c62', '#df5f45'],
    less: ['#cfdcf0', '#b2cbec', '#93b7e6', '#72a2de', '#4f8bd4'],
  },
  dark: {
    back: '#171614', text: '#fdf3e7', root: '#3d3a34', match: '#c032ab', matchText: '#ffffff',
    merged: '#35322d', dim: '#292724', dimText: '#958e83',
    fills: [
      ['#b8692f', '#a95c2a', '#c2763a', '#9f5526', '#b4713a', '#a66430', '#bb6d3c', '#ad6129'],
      ['#3f6f9f', '#386693', '#4878a8', '#325d88'],
      ['#5a564f', '#534f49', '#615d56', '#4d4943'],
    ],
    same: '#46433d',
    more: ['#5e3a30', '#76402f', '#8f462f', '#a84a2f', '#c24c2e'],
    less: ['#32465f', '#314f74', '#2f588a', '#2c61a0', '#2869b6'],
  },
};

class View {
  constructor(profile, graph, rows, canvas) {
    this.profile = profile;
    this.graph = graph;
    this.rowsElement = rows;
    this.canvas = canvas;
    this.context = canvas.getContext('2d', { alpha: false });
    this.zoom = 0;
    this.rootAtBottom = false;
    this.matches = null;
    this.rows = []; /* by depth: { node[], x[], width[] }, from left to right */
    this.colors = new Uint8Array(profile.names.length + 1);
  }

  resize() {
    const font = getComputedStyle(document.documentElement).getPropertyValue('--mono');

    this.ratio = window.devicePixelRatio || 1;
    this.width = this.rowsElement.clientWidth;
    this.font = `11.5px ${font}`;
    this.context.font = this.font;
    this.letter = this.context.measureText('MMMMMMMMMM').width / 10;
    this.layout();
  }

  setZoom(node) {
    this.zoom = node;
    this.layout();
    this.showRow(this.profile.depth[node]);
  }

  flip() {
    this.rootAtBottom = !this.rootAtBottom;
    this.showRow(this.profile.depth[this.zoom]);
  }

  row(depth) {
    return this.rows[depth] ??= { node: [], x: [], width: [] };
  }

  layout() {
    const { total, start, depth, end } = this.profile, zoom = this.zoom;
    const scale = this.width / (total[zoom] || 1), left = start[zoom];

    this.rows = [];
    this.scale = scale;
    for (const node of this.profile.path(zoom))
      this.add(this.row(depth[node]), node, 0, this.width);

    for (let i = zoom + 1; i < end[zoom];) {
      const width = total[i] * scale, x = (start[i] - left) * scale;
      const wide = width >= NARROWEST;

      this.add(this.row(depth[i]), wide ? i : MERGED, x, width);
      i = wide ? i + 1 : end[i];
    }
    this.rowsElement.style.height = `${this.rows.length * ROW_HEIGHT}px`;
  }

  add(row, node, x, width) {
    const last = row.node.length - 1;

    if (node === MERGED && row.node[last] === MERGED && x - (row.x[last] + row.width[last]) < 1e-6) {
      row.width[last] = x + width - row.x[last];
      return;
    }
    row.node.push(node);
    row.x.push(x);
    row.width.push(width);
  }

  /* Distance of a row from the top of all rows, and back. */
  top(depth) {
    return (this.rootAtBottom ? this.rows.length - 1 - depth : depth) * ROW_HEIGHT;
  }

  depthAt(y) {
    const row = Math.floor(y / ROW_HEIGHT);
    return this.rootAtBottom ? this.rows.length - 1 - row : row;
  }

  showRow(depth) {
    const margin = this.rowsElement.offsetTop;
    const top = this.top(depth) + margin, height = this.graph.clientHeight;

    if (top - ROW_HEIGHT < this.graph.scrollTop)
      this.graph.scrollTop = Math.max(0, top - 2 * ROW_HEIGHT);
    else if (top + 2 * ROW_HEIGHT > this.graph.scrollTop + height)
      this.graph.scrollTop = top + 3 * ROW_HEIGHT - height;
  }

  /* Steps by the root of the change, or the largest one would leave nothing to be seen of the others. */
  diffColor(node, palette) {
    const { profile } = this, change = profile.change(node), shades = change > 0 ? palette.more : palette.less;

    if (node === 0 || Math.abs(change) < 0.0005)
      return palette.same;
    const step = Math.ceil(Math.sqrt(Math.abs(change) / profile.largestChange) * shades.length);
    return shades[Math.min(step, shades.length) - 1];
  }

  color(node, palette) {
    const { profile } = this, id = profile.name[node], kind = profile.kind(node);

    if (profile.isDiff)
      return this.diffColor(node, palette);
    if (kind === KIND.ROOT)
      return palette.root;

    if (this.colors[id] === 0) {
      const name = profile.names[id];
      let hash = 7;
      for (let i = 0; i < name.length; i++)
        hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193);
      this.colors[id] = 1 + ((hash ^ hash >>> 15) >>> 0) % 64;
    }
    const fills = palette.fills[kind];
    return fills[this.colors[id] % fills.length];
  }

  draw() {
    const { canvas, context, graph, ratio, rows } = this;
    const palette = matchMedia('(prefers-color-scheme: dark)').matches ? PALETTES.dark : PALETTES.light;
    const height = Math.min(graph.clientHeight, rows.length * ROW_HEIGHT);
    /* Sticky: within its parent, the canvas is where the scroll position put it. */
    this.offset = Math.max(0, Math.min(graph.scrollTop - this.rowsElement.offsetTop,
      rows.length * ROW_HEIGHT - height));

    canvas.style.height = `${height}px`;
    canvas.width = Math.round(this.width * ratio);
    canvas.height = Math.round(height * ratio);
    context.fillStyle = palette.back;
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.font = this.font;
    context.textBaseline = 'middle';

    const first = Math.floor(this.offset / ROW_HEIGHT), last = Math.ceil((this.offset + height) / ROW_HEIGHT);
    for (let i = first; i < Math.min(last, rows.length); i++)
      this.drawRow(this.depthAt(i * ROW_HEIGHT), palette);
  }

  drawRow(depth, palette) {
    const { context, ratio } = this, { node, x, width } = this.rows[depth];
    const top = Math.round((this.top(depth) - this.offset) * ratio);
    const bottom = Math.round((this.top(depth) - this.offset + ROW_HEIGHT - 1) * ratio);

    context.setTransform(1, 0, 0, 1, 0, 0);
    for (let i = 0; i < node.length; i++) {
      const left = Math.round(x[i] * ratio), right = Math.round((x[i] + width[i]) * ratio);

      if (right <= left)
        continue;
      context.fillStyle = this.fill(node[i], palette);
      context.fillRect(left, top, right - left - (right - left > 3 * ratio ? Math.round(ratio) : 0), bottom - top);
    }

    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    for (let i = 0; i < node.length; i++)
      if (node[i] !== MERGED && width[i] > 4 * this.letter)
        this.drawText(node[i], x[i], this.top(depth) - this.offset, width[i], palette);
  }

  isMatch(node) {
    return this.matches !== null && this.matches[this.profile.name[node]] === 1;
  }

  fill(node, palette) {
    if (node === MERGED)
      return palette.merged;
    if (this.matches !== null)
      return this.isMatch(node) ? palette.match : palette.dim;
    /* What is above the zoomed frame is context only. */
    return node < this.zoom && this.profile.end[node] >= this.profile.end[this.zoom] ? palette.root :
      this.color(node, palette);
  }

  drawText(node, x, y, width, palette) {
    const { context, profile } = this;
    const room = Math.floor((width - 9) / this.letter);
    let text = node === 0 && profile.info.title ? `all \u2013 ${profile.info.title}` : profile.text(node);

    if (room < 3)
      return;
    if (text.length > room)
      text = text.slice(0, room - 1) + '\u2026';
    context.fillStyle = this.matches === null ? palette.text :
      this.isMatch(node) ? palette.matchText : palette.dimText;
    context.fillText(text, x + 4, y + ROW_HEIGHT / 2);
  }

  /* What is at a point of the window: { node, depth, x, width }, or null. */
  hit(clientX, clientY) {
    const box = this.rowsElement.getBoundingClientRect();
    const depth = this.depthAt(clientY - box.top), row = this.rows[depth], x = clientX - box.left;
    let low = 0, high = row ? row.node.length : 0;

    while (low < high) {
      const middle = low + high >> 1;
      if (row.x[middle] + row.width[middle] <= x)
        low = middle + 1;
      else
        high = middle;
    }
    return row && low < row.node.length && row.x[low] <= x ? this.boxAt(depth, low) : null;
  }

  boxAt(depth, index) {
    const row = this.rows[depth];
    return { node: row.node[index], depth, index, x: row.x[index], width: row.width[index] };
  }

  /* Where @node is; null when it is too narrow or not below the zoomed frame. */
  boxOf(node) {
    const depth = this.profile.depth[node], index = this.rows[depth]?.node.indexOf(node) ?? -1;
    return index < 0 ? null : this.boxAt(depth, index);
  }

  /* Of a box, in coordinates of the window. */
  clientRect(box) {
    const rows = this.rowsElement.getBoundingClientRect();
    return { x: rows.left + box.x, y: rows.top + this.top(box.depth), width: box.width, height: ROW_HEIGHT - 1 };
  }
}
