// Gradient descent in a bowl, narrow or round, at a rate that may cross the edge 2/λ.
"use strict";

{
  const bowls = { "narrow bowl": [1, 25], "round bowl": [1, 1] };
  const start = [-9, 0.8];
  // The points of so many steps on the loss (a u² + b v²) / 2.
  const descend = (curvatures, rate, steps) => {
    const path = [start];
    for (let step = 0; step < steps; step++) {
      path.push(path.at(-1).map((w, i) => w - rate * curvatures[i] * w));
    }
    return path;
  };
  const loss = (curvatures, point) =>
    point.reduce((sum, w, i) => sum + (curvatures[i] * w * w) / 2, 0);

  window.bookFigures.bowl = (place) => {
    const { choices, drawn, slider, say } = window.bookDrawing;
    const picture = drawn("svg", { viewBox: "-10.5 -3 21 6", "aria-hidden": "true" });
    place.append(picture);
    const words = say(place);
    let curvatures = bowls["narrow bowl"];
    let share = 0.95; // close to the best of the narrow one, as in the still picture
    const show = () => {
      const edge = 2 / Math.max(...curvatures);
      const rate = share * edge;
      const path = descend(curvatures, rate, 12);
      const seen = (w) => Math.max(-99, Math.min(99, w)); // an SVG has no use for more
      const line = path.map(([u, v]) => `${seen(u)} ${seen(-v)}`).join("L");
      picture.replaceChildren(
        ...[1, 9, 25, 49, 81].map((level) => drawn("ellipse", { cx: 0, cy: 0,
          rx: Math.sqrt(level / curvatures[0]), ry: Math.sqrt(level / curvatures[1]),
          class: "level" })),
        drawn("path", { d: `M${line}`, class: "line second" }),
        ...path.map(([u, v]) => drawn("circle", { cx: seen(u), cy: seen(-v), r: 0.13,
          class: "step" })),
        drawn("path", { d: "M-0.3 0H0.3M0 -0.3V0.3", class: "line first" }),
      );
      const left = loss(curvatures, path.at(-1)) / loss(curvatures, start);
      const side = share > 1 ? "above the edge" : share === 1 ? "at the edge" : "below it";
      words.className = share > 1 ? "bad" : "";
      words.textContent = `Rate ${rate.toPrecision(2)}, edge 2/λ = ${edge.toPrecision(2)}: `
        + `${side}. After 12 steps the loss is ${left.toPrecision(2)} times the first.`;
    };
    slider(place, "rate, as a share of the edge",
      { min: 0.05, max: 1.15, step: 0.05, value: share }, (value) => {
        share = Math.round(value * 100) / 100;
        show();
        return share.toFixed(2);
      });
    choices(place, "shape", Object.keys(bowls), (name) => {
      curvatures = bowls[name];
      show();
    });
  };
  window.bookFigures.bowl.numbers = { descend, loss, start, bowls };
}
