// The body of a function that is run in a page, and gives what is wrong with it.
// Numbers of criteria are those of WCAG 2.2.
const problems = [];
const complain = (text) => problems.push(text);
const all = (css) => [...document.querySelectorAll(css)];
const name = (e) => `<${e.localName}> ${JSON.stringify((e.innerText || e.id || '').slice(0, 40))}`;

// 3.1.1, 2.4.2: language and title.
if (!/^[a-z]{2}/.test(document.documentElement.lang)) complain('no language');
if (document.title.trim().length < 3) complain('no title');

// 1.3.1: one main part, one first heading, no level left out.
if (all('main').length !== 1) complain(`${all('main').length} main parts`);
if (all('h1').length !== 1) complain(`${all('h1').length} first-level headings`);
const headings = all('h1,h2,h3,h4,h5,h6');
headings.reduce((before, heading) => {
  const level = Number(heading.localName[1]);
  if (level > before + 1) complain(`${name(heading)} leaves out a level`);
  return level;
}, 0);

// 4.1.2, 1.1.1: all that can be used has a name.
for (const input of all('input:not([type=hidden]), select, textarea')) {
  const label = [...(input.labels || [])].map((l) => l.innerText.trim()).join(' ');
  if (!label && !input.ariaLabel) complain(`${name(input)} has no label`);
}
for (const e of all('button, a[href]')) if (!e.innerText.trim()) complain(`${name(e)} has no text`);
for (const e of all('img')) if (!e.hasAttribute('alt')) complain('a picture without alt');
for (const e of all('img')) if (!e.complete || !e.naturalWidth) complain('a picture is missing');
for (const e of all('[id]')) if (all(`[id="${e.id}"]`).length > 1) complain(`two #${e.id}`);
for (const e of all('[aria-describedby]')) {
  if (!document.getElementById(e.getAttribute('aria-describedby'))) complain(`${name(e)} lacks its text`);
}

// 1.4.10: no scrolling in two directions.
const width = document.documentElement.clientWidth;
if (document.documentElement.scrollWidth > width) {
  complain(`${document.documentElement.scrollWidth} px wide in ${width}`);
}
for (const e of all('body *')) {
  if (e.getBoundingClientRect().right > width + 1) complain(`${name(e)} sticks out`);
}

// 2.5.8: what is clicked is not tiny (links inside a sentence may be).
for (const e of all('button, input:not([type=hidden]), header a')) {
  const box = e.getBoundingClientRect();
  if (box.width < 24 || box.height < 24) complain(`${name(e)} is tiny`);
}

// 1.4.3, 1.4.11: contrast, of what is really seen.
const parse = (colour) => {
  const [r, g, b, a = 1] = colour.match(/[\d.]+/g).map(Number);
  return { r, g, b, a };
};
const over = (top, below) => {
  const mix = (c) => top[c] * top.a + below[c] * (1 - top.a);
  return { r: mix('r'), g: mix('g'), b: mix('b'), a: 1 };
};
const ground = (e) => {
  if (!e) return matchMedia('(prefers-color-scheme: dark)').matches ? parse('rgb(18,18,18)') : parse('rgb(255,255,255)');
  const own = parse(getComputedStyle(e).backgroundColor);
  return own.a === 1 ? own : over(own, ground(e.parentElement));
};
const light = ({ r, g, b }) => {
  const linear = (c) => (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4);
  return 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
};
const contrast = (a, b) => {
  const [dark, bright] = [light(a), light(b)].sort((x, y) => x - y);
  return (bright + 0.05) / (dark + 0.05);
};
let texts = 0;
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
  const e = walker.currentNode.parentElement;
  if (!walker.currentNode.data.trim() || !e.getClientRects().length) continue;
  texts += 1;
  const below = ground(e);
  const found = contrast(over(parse(getComputedStyle(e).color), below), below);
  if (found < 4.5) complain(`${name(e)} has a contrast of ${found.toFixed(2)}`);
}
for (const e of all('input:not([type=hidden])')) {
  const style = getComputedStyle(e);
  const text = contrast(parse(style.color), ground(e));
  if (text < 4.5) complain(`the text of ${name(e)} has a contrast of ${text.toFixed(2)}`);
  const border = contrast(parse(style.borderTopColor), ground(e.parentElement));
  if (border < 3) complain(`the border of ${name(e)} has a contrast of ${border.toFixed(2)}`);
}

// 2.4.7, 2.4.11: the focus is seen. It is given back to where it was.
const before = document.activeElement;
for (const e of all('a[href], button, input:not([type=hidden])')) {
  e.focus({ focusVisible: true, preventScroll: true });
  const style = getComputedStyle(e);
  if (style.outlineStyle === 'none' || parseFloat(style.outlineWidth) < 2) {
    complain(`${name(e)} does not show the focus`);
    continue;
  }
  const found = contrast(parse(style.outlineColor), ground(e.parentElement));
  if (found < 3) complain(`the focus of ${name(e)} has a contrast of ${found.toFixed(2)}`);
}
document.activeElement.blur();
if (before && before !== document.body) before.focus();

return { problems, texts, headings: headings.length };
