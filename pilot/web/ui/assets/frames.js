// Gradio (6.31) counts the seconds of its sign of loading in every frame, also when the page is there and nobody sees it.
// It keeps the browser's function when it is loaded, so this comes first.
(() => {
  const frame = window.requestAnimationFrame.bind(window), counts = /performance\.now\(\).*1e3/;
  window.requestAnimationFrame = (draw) => (counts.test(draw) ? 0 : frame(draw));
})();
