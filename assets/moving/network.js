// The network of the hand calculation, forward and backward, a step at a time.
"use strict";

{
  const sigmoid = (z) => 1 / (1 + Math.exp(-z));
  const given = { x: [1, 2], W1: [[Math.log(3), 0], [2, -1]], b1: [0, 0], W2: [4, -8],
    b2: 1 + Math.log(3), y: 1 };
  // All numbers of one pass forward and one back.
  const pass = ({ x, W1, b1, W2, b2, y }) => {
    const z1 = W1.map((row, j) => row.reduce((sum, w, i) => sum + w * x[i], b1[j]));
    const a1 = z1.map(sigmoid);
    const z2 = W2.reduce((sum, w, j) => sum + w * a1[j], b2);
    const p = sigmoid(z2);
    const loss = -Math.log(y ? p : 1 - p);
    const delta2 = p - y;
    const dW2 = a1.map((a) => delta2 * a);
    const delta1 = W2.map((w, j) => delta2 * w * a1[j] * (1 - a1[j]));
    const dW1 = delta1.map((delta) => x.map((value) => delta * value));
    return { z1, a1, z2, p, loss, delta2, dW2, delta1, dW1 };
  };
  const steps = [
    "Each unit adds up its inputs times its weights: the scores z.",
    "The sigmoid turns a score into what the unit says, a.",
    "The output adds up what the units say, and its bias.",
    "The last sigmoid makes a probability; the loss is −ln p.",
    "Back: the loss, by the last score, is p − y. Call it δ.",
    "A weight's derivative: the δ that it ends in times the output that it starts from.",
    "Through the weight, and times the slope a(1 − a): the δ of each hidden unit.",
    "Again δ times what the weight carries: the derivatives of the first layer.",
  ];
  const at = { x: [[42, 66], [42, 196]], hidden: [[240, 66], [240, 196]], out: [436, 131] };
  const round = (value) => Number(value.toFixed(3)).toString().replace("-", "−");

  window.bookFigures.network = (place) => {
    const { buttons, drawn, slider, say } = window.bookDrawing;
    const picture = drawn("svg", { viewBox: "0 0 480 260", "aria-hidden": "true" });
    place.append(picture);
    const words = say(place);
    const net = structuredClone(given);
    let step = 0;
    const edge = ([x1, y1], [x2, y2], weight, slope, along) => {
      const [x, y] = [x1 + along * (x2 - x1), y1 + along * (y2 - y1)];
      return [
        drawn("path", { d: `M${x1} ${y1}L${x2} ${y2}`, class: "axis" }),
        drawn("text", { x, y: y - 4, class: "value", "text-anchor": "middle" }, weight),
        drawn("text", { x, y: y + 17, class: "slope", "text-anchor": "middle" }, slope),
      ];
    };
    const node = ([x, y], lines, slope) => [
      drawn("circle", { cx: x, cy: y, r: 34, class: "node" }),
      ...lines.map((line, i) => drawn("text", { x, y: y + 5 + 18 * (i - (lines.length - 1) / 2),
        "text-anchor": "middle" }, line)),
      drawn("text", { x, y: y < 100 ? y - 40 : y + 52, class: "slope", "text-anchor": "middle" }, slope),
    ];
    const show = () => {
      const now = pass(net);
      const from = (first, text) => (step >= first ? text : "");
      picture.replaceChildren(
        ...[0, 1].flatMap((j) => [
          ...[0, 1].flatMap((i) => edge(at.x[i], at.hidden[j], round(net.W1[j][i]),
            from(7, round(now.dW1[j][i])), i === j ? 0.5 : 0.3)),
          ...edge(at.hidden[j], at.out, round(net.W2[j]), from(5, round(now.dW2[j])), 0.5),
        ]),
        ...[0, 1].flatMap((i) => node(at.x[i], [round(net.x[i])], "")),
        ...[0, 1].flatMap((j) => node(at.hidden[j],
          [`z ${round(now.z1[j])}`, from(1, `a ${round(now.a1[j])}`)].filter((line) => line),
          from(6, `δ ${round(now.delta1[j])}`))),
        ...node(at.out, [from(2, `z ${round(now.z2)}`), from(3, `p ${round(now.p)}`)]
          .filter((line) => line), from(4, `δ ${round(now.delta2)}`)),
      );
      words.textContent = `${step + 1} of ${steps.length}. ${steps[step]}`
        + (step >= 3 ? ` Loss: ${round(now.loss)}.` : "");
    };
    buttons(place, { "Back": -1, "Next step": 1, "All": steps.length }, (by) => {
      step = Math.max(0, Math.min(steps.length - 1, step + by));
      show();
    });
    slider(place, "turn the weight −1", { min: -2, max: 0, step: 0.05, value: -1 }, (value) => {
      net.W1[1][1] = value;
      show();
      return value.toFixed(2);
    });
  };
  window.bookFigures.network.numbers = { pass, given };
}
