// Run in a page: lists what is cut off, too small to tap, or lies over something else.
() => {
  const box = (e) => e.getBoundingClientRect(), name = (e) => e.textContent || e.id, faults = [];
  const shown = (e) => e.offsetParent && !e.closest('.scroll, .log');
  const all = [...document.querySelectorAll('button, select, input, canvas')].filter(shown);
  for (const e of all) {
    const b = box(e);
    if (b.right > innerWidth + 1 || b.left < -1 || b.width < 8 || b.height < 8) faults.push(`cut off: ${name(e)}`);
    if (e.tagName === 'BUTTON' && b.height < 36) faults.push(`too small to tap: ${name(e)}`);
  }
  for (let i = 0; i < all.length; i++) {
    for (let j = i + 1; j < all.length; j++) {
      const a = box(all[i]), b = box(all[j]);
      const wide = Math.min(a.right, b.right) - Math.max(a.left, b.left), high = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
      if (wide > 1 && high > 1) faults.push(`overlap: ${name(all[i])} / ${name(all[j])}`);
    }
  }
  return faults;
}
