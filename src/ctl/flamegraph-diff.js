/* SPDX-License-Identifier: Apache-2.0 */

/* The page of a difference: all shares are of all samples, before and now. */
class DiffPage extends Page {
  /* Percentage points of a share's change. */
  static points(change) {
    const text = Math.abs(100 * change).toFixed(Math.abs(change) < 0.001 ? 2 : 1);
    return (change > 0 ? '+' : change < 0 ? '\u2212' : '\u00b1') + text;
  }

  get labels() {
    return this.profile.info.diff;
  }

  start() {
    const texts = [`smaller share than ${this.labels[0]}`, 'as before', 'larger share'];

    this.element('table-title').textContent = 'Most changed functions';
    for (const button of document.querySelectorAll('th[data-sort] button'))
      button.textContent += ', change in points';
    this.element('legend').replaceChildren(...['less', 'same', 'more'].map((className, i) =>
      Page.create('li', { className, textContent: texts[i] })));
    super.start();
  }

  sum() {
    const { total, earlier } = this.profile;
    return `${this.labels[1]} ${this.count(total[0])}, ${this.labels[0]} ${this.count(earlier[0])}`;
  }

  earlierPercent(samples) {
    return this.percent(samples, this.profile.earlier[0]);
  }

  matchedText(result) {
    return `${super.matchedText(result)}, ${this.labels[0]} ${this.earlierPercent(result.earlier)}`;
  }

  factText(label, value) {
    return `${label} ${value}`;
  }

  facts(box) {
    const { profile } = this, { node } = box;

    if (node === MERGED)
      return super.facts(box);

    const side = (samples, of) => `${this.percent(samples, of)} (${this.number(samples)})`;
    const facts = [
      [this.labels[0], side(profile.earlier[node], profile.earlier[0])],
      [this.labels[1], side(profile.total[node], profile.total[0])],
      ['change', `${DiffPage.points(profile.change(node))} points`],
    ];
    if (profile.self[node] > 0 || profile.earlierSelf[node] > 0) {
      const change = profile.changeOf(profile.self[node], profile.earlierSelf[node]);
      facts.push(['self change', `${DiffPage.points(change)} points`]);
    }
    return facts;
  }

  /* The longest bar is that of the largest change. */
  tableCells(row, rows) {
    const { profile } = this;

    return [['self', 'earlierSelf'], ['total', 'earlier']].map(([now, before]) => {
      const changeIn = r => profile.changeOf(r[now], r[before]), change = changeIn(row);
      const largest = rows.reduce((most, r) => Math.max(most, Math.abs(changeIn(r))), 0);
      const bar = Page.create('i', {});
      bar.style.width = `${largest > 0 ? 100 * Math.abs(change) / largest : 0}%`;
      return Page.create('td', { className: `number ${change > 0 ? 'more' : 'less'}` }, bar,
        Page.create('span', { textContent: DiffPage.points(change) }),
        Page.create('small', { textContent: this.percent(row[now], profile.total[0]) }));
    });
  }
}
