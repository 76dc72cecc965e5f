/* SPDX-License-Identifier: Apache-2.0 */

/* Starts the page, and gives scripts (and tests) a handle on it. */
{
  const text = id => document.getElementById(id).textContent;
  const profile = new Profile(JSON.parse(text('info')), text('nodes').trim());
  const page = new (profile.isDiff ? DiffPage : Page)(profile);

  /* The text has been read: twenty megabytes that nobody needs twice. */
  document.getElementById('nodes').remove();
  document.getElementById('info').remove();

  window.flamegraph = Object.freeze({
    nodes: profile.n - 1, /* frames; "all" is none */
    total: profile.total[0],
    timings: page.timings, /* ms since the navigation began */

    /* Zooms to the largest frame of that name; whether there is one. */
    zoom(name) {
      const node = profile.find(name);
      page.zoom(node);
      return node >= 0;
    },
    reset: () => page.reset(),
    search: query => page.setSearch(query),
    current() {
      const node = page.view.zoom;
      const path = profile.path(node).map(i => profile.text(i));
      return { name: profile.text(node), total: profile.total[node], path };
    },
    /* Where the widest frame of that name is in the window: { x, y, width, height }, null when it is not drawn. */
    rectOf(name) {
      let best = null;
      page.view.rows.forEach((row, depth) => row.node.forEach((node, i) => {
        if (node === MERGED || (best && row.width[i] <= best.width))
          return;
        if (profile.text(node) === name || profile.names[profile.name[node]] === name)
          best = page.view.boxAt(depth, i);
      }));
      return best && page.view.clientRect(best);
    },
    top: (by = 'self', max = TABLE_ROWS) => profile.top(page.view.zoom, by, max)
      .map(({ id, ...sums }) => ({ name: profile.nameText(id), ...sums })),
    diff: profile.isDiff,
    /* By how much the share of the widest frame of that name changed. */
    change: name => profile.isDiff && profile.find(name) >= 0 ? profile.change(profile.find(name)) : null,
  });

  page.start();
  /* The frame after the next begins when this one has been painted. */
  requestAnimationFrame(() => requestAnimationFrame(() => {
    page.timings.ready = performance.now();
    document.body.dataset.state = 'ready';
  }));
}
