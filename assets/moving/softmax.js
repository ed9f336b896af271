// Three logits become probabilities, with the largest subtracted first or not.
"use strict";

{
  // The textbook's formula; `shifted` subtracts the largest logit first.
  const softmax = (logits, shifted) => {
    const largest = shifted ? Math.max(...logits) : 0;
    const powers = logits.map((z) => Math.exp(z - largest));
    const sum = powers.reduce((a, b) => a + b, 0);
    return { powers, probs: powers.map((power) => power / sum) };
  };
  const round = (value) => (Number.isNaN(value) ? "nan" : value === Infinity ? "inf"
    : value !== 0 && Math.abs(value) < 0.001 ? value.toExponential(1)
      : value >= 1000 ? value.toExponential(1) : value.toFixed(3));

  window.bookFigures.softmax = (place) => {
    const { choices, drawn, slider, say } = window.bookDrawing;
    const logits = [Math.log(6), Math.log(3), 0];
    let added = 0;
    let shifted = false;
    const picture = drawn("svg", { viewBox: "0 0 480 150", "aria-hidden": "true" });
    place.append(picture);
    const words = say(place);
    const show = () => {
      const { powers, probs } = softmax(logits.map((z) => z + added), shifted);
      picture.replaceChildren(
        drawn("text", { x: 120, y: 14, "text-anchor": "end" }, "exponential"),
        drawn("text", { x: 140, y: 14 }, "probability"),
        ...probs.flatMap((prob, i) => [
          drawn("text", { x: 120, y: 46 + 40 * i, "text-anchor": "end" }, round(powers[i])),
          drawn("rect", { x: 140, y: 28 + 40 * i, width: 250, height: 26, class: "frame" }),
          drawn("rect", { x: 140, y: 28 + 40 * i, width: 250 * (prob || 0), height: 26,
            class: `bar ${i === 1 ? "second" : "first"}` }),
          drawn("text", { x: 400, y: 46 + 40 * i }, round(prob)),
        ]),
      );
      const broken = probs.some(Number.isNaN);
      words.className = broken ? "bad" : "";
      words.textContent = broken
        ? `The exponentials ${added > 0 ? "overflow" : "are all zero"}: no number comes out.`
        : `The second class is right; its surprise, −ln p, is ${round(-Math.log(probs[1]))}.`;
    };
    logits.forEach((z, i) => {
      slider(place, `logit ${i + 1}`, { min: -5, max: 5, step: 0.1, value: z }, (value) => {
        logits[i] = value;
        show();
        return value.toFixed(1);
      });
    });
    const to = { "as they are": 0, "add 1000 to all": 1000, "subtract 1000 from all": -1000 };
    choices(place, "logits", Object.keys(to), (name) => {
      added = to[name];
      show();
    });
    choices(place, "formula", ["as it stands", "largest subtracted first"], (name) => {
      shifted = name !== "as it stands";
      show();
    });
  };
  window.bookFigures.softmax.numbers = { softmax };
}
