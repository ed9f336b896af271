// Rectifiers that die as the learning rate grows: one input, 24 of them, a probability.
"use strict";

{
  const units = 24;
  const x = Array.from({ length: 32 }, (_, i) => -3 + (6 * i) / 31);
  const y = x.map((value) => Number(Math.abs(value) < 1.3)); // inside, or outside
  const sigmoid = (z) => 1 / (1 + Math.exp(-z));

  // The same start for every rate: numbers that look random, and are not.
  const start = () => {
    let state = 7;
    const next = () => (state = (state * 16807) % 2147483647) / 2147483647 - 0.5;
    const draw = () => Array.from({ length: units }, next);
    return { W1: draw().map((w) => 2 * w), b1: draw().map((b) => 2 * b), W2: draw(), b2: 0 };
  };
  const forward = ({ W1, b1, W2, b2 }, value) => {
    const hidden = W1.map((w, j) => Math.max(0, w * value + b1[j]));
    return { hidden, out: hidden.reduce((sum, h, j) => sum + h * W2[j], b2) };
  };
  // Steps of gradient descent on the mean cross-entropy, all points at once.
  const train = (rate, steps = 60) => {
    const net = start();
    for (let step = 0; step < steps; step++) {
      const W1 = new Float64Array(units), b1 = new Float64Array(units);
      const W2 = new Float64Array(units);
      let b2 = 0;
      x.forEach((value, i) => {
        const { hidden, out } = forward(net, value);
        const delta = (sigmoid(out) - y[i]) / x.length;
        b2 += delta;
        hidden.forEach((h, j) => {
          W2[j] += delta * h;
          if (h > 0) {
            W1[j] += delta * net.W2[j] * value;
            b1[j] += delta * net.W2[j];
          }
        });
      });
      for (let j = 0; j < units; j++) {
        net.W1[j] -= rate * W1[j];
        net.b1[j] -= rate * b1[j];
        net.W2[j] -= rate * W2[j];
      }
      net.b2 -= rate * b2;
    }
    return net;
  };
  const isDead = ({ W1, b1 }, j) => x.every((value) => W1[j] * value + b1[j] <= 0);
  const dead = (net) => net.W1.filter((_, j) => isDead(net, j)).length;
  const loss = (net) => x.reduce((sum, value, i) => {
    const z = forward(net, value).out;
    return sum + Math.max(z, 0) - y[i] * z + Math.log1p(Math.exp(-Math.abs(z)));
  }, 0) / x.length;

  window.bookFigures.dead = (place) => {
    const { drawn, slider, say } = window.bookDrawing;
    const picture = drawn("svg", { viewBox: "0 0 480 250", "aria-hidden": "true" });
    place.append(picture);
    const words = say(place);
    const at = (value, height) => [240 + 65 * value, 170 - 140 * height];
    const grid = Array.from({ length: 121 }, (_, i) => -3 + i / 20);
    slider(place, "learning rate", { min: -2, max: 2, step: 0.05, value: -1 }, (power) => {
      const rate = 10 ** power;
      const net = train(rate);
      const curve = grid.map((value) =>
        at(value, sigmoid(forward(net, value).out)).join(" "));
      picture.replaceChildren(
        drawn("text", { x: 40, y: 16 }, "probability of “inside”; the points are the answers"),
        drawn("path", { d: "M40 170H440M40 30H440", class: "axis" }),
        ...x.map((value, i) => {
          const [cx, cy] = at(value, y[i]);
          return drawn("circle", { cx, cy, r: 3, class: "point" });
        }),
        drawn("path", { d: `M${curve.join("L")}`, class: "line first" }),
        drawn("text", { x: 40, y: 210 }, `the ${units} units after 60 steps; hollow: dead`),
        ...net.W1.map((_, j) => drawn("rect", { x: 41 + 16.7 * j, y: 222, width: 12,
          height: 12, rx: 3, class: isDead(net, j) ? "unit off" : "unit on" })),
      );
      words.textContent = `Rate ${rate.toPrecision(2)}: ${dead(net)} of ${units} units are `
        + `dead, and the loss is ${loss(net).toPrecision(2)}.`;
      words.className = dead(net) > units / 3 ? "bad" : "";
      return rate.toPrecision(2);
    });
  };
  window.bookFigures.dead.numbers = { start, train, dead, loss, x, y };
}
