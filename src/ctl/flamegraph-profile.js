/* SPDX-License-Identifier: Apache-2.0 */
'use strict';

/* The data: a tree of frames in preorder, as parallel arrays. Node 0 is "all"; children of a node follow it, each with
   its subtree, and lie side by side from its start on, one unit of x for each sample. A difference has the counts of
   the earlier profile beside them: frames that are in that alone have no width. Nothing here knows the screen. */
const KIND = Object.freeze({ USER: 0, KERNEL: 1, UNKNOWN: 2, ROOT: 3 });
const KIND_NAMES = ['user', 'kernel', 'unknown', 'root'];

class Profile {
  constructor(info, base64) {
    const n = info.nodes + 1;

    this.info = info;
    this.names = info.names;
    this.n = n;
    this.name = new Uint32Array(n);
    this.parent = new Uint32Array(n);
    this.depth = new Uint32Array(n);
    this.end = new Uint32Array(n);
    this.self = new Float64Array(n);
    this.total = new Float64Array(n);
    this.start = new Float64Array(n);
    this.isDiff = Boolean(info.diff);
    this.earlierSelf = new Float64Array(this.isDiff ? n : 0);
    this.earlier = new Float64Array(this.isDiff ? n : 0); /* total */
    this.kinds = new Uint8Array(this.names.length + 1).fill(255);

    this.name[0] = this.names.length;
    this.decode(Profile.bytesOf(base64));
    this.sum();
    this.place();
  }

  static bytesOf(base64) {
    if (Uint8Array.fromBase64)
      return Uint8Array.fromBase64(base64);

    const text = atob(base64), bytes = new Uint8Array(text.length);
    for (let i = 0; i < bytes.length; i++)
      bytes[i] = text.charCodeAt(i);
    return bytes;
  }

  /* Per node three numbers in LEB128: its name, how many levels above a child of the node before it is, its own
     samples; in a difference a fourth, the earlier samples. Multiplies instead of shifting, since samples have up to 53 bits. */
  decode(bytes) {
    const { name, parent, depth, self, n } = this;
    const path = new Uint32Array(n);
    let at = 0;

    const number = () => {
      let byte = bytes[at++], value = byte & 127;
      for (let scale = 128; byte > 127; scale *= 128) {
        byte = bytes[at++];
        value += (byte & 127) * scale;
      }
      return value;
    };

    for (let i = 1; i < n; i++) {
      name[i] = number();
      depth[i] = depth[i - 1] + 1 - number();
      self[i] = number();
      if (this.isDiff)
        this.earlierSelf[i] = number();
      parent[i] = path[depth[i] - 1];
      path[depth[i]] = i;
    }
  }

  sum() {
    const { parent, end, self, total, n } = this;

    /* While going backwards, end[] is the size of the subtree. */
    end.fill(1);
    for (let i = n - 1; i > 0; i--) {
      total[i] += self[i];
      total[parent[i]] += total[i];
      end[parent[i]] += end[i];
    }
    for (let i = 0; i < n; i++)
      end[i] += i;

    const { earlier, earlierSelf } = this;
    for (let i = earlier.length - 1; i > 0; i--) {
      earlier[i] += earlierSelf[i];
      earlier[parent[i]] += earlier[i];
    }
    this.largestChange = 0;
    for (let i = 1; i < earlier.length; i++)
      this.largestChange = Math.max(this.largestChange, Math.abs(this.change(i)));
  }

  static share(part, all) {
    return all > 0 ? part / all : 0;
  }

  /* By how much the share of all samples changed, -1 to 1. */
  changeOf(now, before) {
    return Profile.share(now, this.total[0]) - Profile.share(before, this.earlier[0]);
  }

  change(node) {
    return this.changeOf(this.total[node], this.earlier[node]);
  }

  place() {
    const { parent, depth, total, start, n } = this;
    const last = new Uint32Array(n); /* by depth */

    for (let i = 1; i < n; i++) {
      const p = parent[i], sibling = last[depth[i]];
      start[i] = sibling > p ? start[sibling] + total[sibling] : start[p];
      last[depth[i]] = i;
    }
  }

  kindOfName(id) {
    if (this.kinds[id] === 255) {
      const name = this.names[id];
      this.kinds[id] = name === undefined ? KIND.ROOT : name.endsWith('_[k]') ? KIND.KERNEL :
        name === '' || name === '[unknown]' || /\+0x[0-9a-f]+$/i.test(name) ? KIND.UNKNOWN : KIND.USER;
    }
    return this.kinds[id];
  }

  kind(node) {
    return this.depth[node] < 2 ? KIND.ROOT : this.kindOfName(this.name[node]);
  }

  nameText(id) {
    const name = this.names[id];
    if (name === undefined)
      return 'all';
    return (name.endsWith('_[k]') ? name.slice(0, -4) : name) || '(no name)';
  }

  text(node) {
    return this.nameText(this.name[node]);
  }

  /* From the root to @node. */
  path(node) {
    const path = [node];
    for (let i = node; i > 0;)
      path.push(i = this.parent[i]);
    return path.reverse();
  }

  /* The largest node called @name, as in the data or as displayed; -1: none. */
  find(name) {
    if (name === 'all')
      return 0;

    const wanted = new Uint8Array(this.names.length + 1);
    let any = false, best = -1;
    for (let id = 0; id < this.names.length; id++)
      if (this.names[id] === name || this.nameText(id) === name)
        any = wanted[id] = 1;
    for (let i = 1; any && i < this.n; i++)
      if (wanted[this.name[i]] && (best < 0 || this.total[i] > this.total[best]))
        best = i;
    return best;
  }

  /* A predicate for "text" (case counts once there is a capital in it) or "/regex/flags". Throws SyntaxError. */
  static matcher(text) {
    const regex = /^\/(.+)\/([imsu]*)$/.exec(text);
    if (regex) {
      const r = new RegExp(regex[1], regex[2]);
      return name => r.test(name);
    }
    if (text !== text.toLowerCase())
      return name => name.includes(text);
    return name => name.toLowerCase().includes(text);
  }

  /* Matches by name; "samples" counts a stack once, however many of its frames match. */
  search(text) {
    const matches = Profile.matcher(text), { name, end, total, n } = this;
    const result = { names: new Uint8Array(this.names.length + 1), frames: 0, samples: 0, earlier: 0 };

    for (let id = 0; id < this.names.length; id++)
      result.names[id] = matches(this.nameText(id)) ? 1 : 0;
    for (let i = 1, outside = 1; i < n; i++) {
      if (!result.names[name[i]])
        continue;
      result.frames++;
      if (i < outside)
        continue;
      result.samples += total[i];
      result.earlier += this.earlier[i] ?? 0;
      outside = end[i];
    }
    return result;
  }

  /* What ranks functions: their samples, or by how much their share changed. */
  weights(sums, by) {
    const earlier = by === 'self' ? sums.earlierSelf : sums.earlier;
    return this.isDiff ? sums[by].map((now, id) => Math.abs(this.changeOf(now, earlier[id]))) : sums[by];
  }

  /* The at most @max hottest (most changed) functions below @node by 'self' or 'total'; a function twice on a stack
     counts once. */
  top(node, by, max) {
    const { name, depth, end, self, total, isDiff } = this, count = this.names.length;
    const sums = { self: new Float64Array(count), total: new Float64Array(count),
                   earlierSelf: new Float64Array(isDiff ? count : 0), earlier: new Float64Array(isDiff ? count : 0) };
    const outside = new Uint32Array(count);

    for (let i = Math.max(node, 1); i < end[node]; i++) {
      const id = name[i];
      if (depth[i] < 2)
        continue;
      sums.self[id] += self[i];
      if (isDiff)
        sums.earlierSelf[id] += this.earlierSelf[i];
      if (i < outside[id])
        continue;
      sums.total[id] += total[i];
      if (isDiff)
        sums.earlier[id] += this.earlier[i];
      outside[id] = end[i];
    }

    /* Names are in their order, so equal rows keep it. Insertion into a short list: no sort of all names. */
    const first = this.weights(sums, by), second = this.weights(sums, by === 'self' ? 'total' : 'self');
    const before = (a, b) => first[a] !== first[b] ? first[a] > first[b] : second[a] > second[b];
    const rows = [];
    for (let id = 0; id < count; id++) {
      if ((isDiff ? first[id] < 1e-9 : sums.total[id] === 0) || rows.length === max && !before(id, rows[max - 1]))
        continue;
      let at = rows.length;
      while (at > 0 && before(id, rows[at - 1]))
        at--;
      rows.splice(at, 0, id);
      rows.length = Math.min(rows.length, max);
    }
    return rows.map(id => ({ id, self: sums.self[id], total: sums.total[id],
                             ...isDiff && { earlierSelf: sums.earlierSelf[id], earlier: sums.earlier[id] } }));
  }
}
