// Elements without HTML text: what comes from outside can never be markup.

/** el makes an element. Children are elements, texts, or null for nothing. */
export function el(tag, attributes = {}, ...children) {
	const made = document.createElement(tag);
	for (const [name, value] of Object.entries(attributes)) {
		if (value === null || value === false || value === undefined) continue;
		if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
		else made.setAttribute(name, value === true ? "" : value);
	}
	made.append(...children.flat().filter((c) => c !== null && c !== undefined));
	return made;
}

/** icon draws lines on a field of 24 by 24. */
export function icon(path) {
	const ns = "http://www.w3.org/2000/svg";
	const svg = document.createElementNS(ns, "svg");
	const line = document.createElementNS(ns, "path");
	for (const [name, value] of Object.entries({ viewBox: "0 0 24 24", "aria-hidden": "true" })) svg.setAttribute(name, value);
	const look = { d: path, fill: "none", stroke: "currentColor", "stroke-width": "2.25", "stroke-linecap": "round", "stroke-linejoin": "round" };
	for (const [name, value] of Object.entries(look)) line.setAttribute(name, value);
	svg.append(line);
	return svg;
}

/** copyButton copies a text, and says so for a moment. */
export function copyButton(label, copied, text, say) {
	const button = el("button", { type: "button", class: "second" }, label);
	let back;
	button.addEventListener("click", async () => {
		try {
			await navigator.clipboard.writeText(text());
		} catch { // only pages with https have a clipboard
			const field = el("textarea", { "aria-hidden": "true", class: "unseen" });
			field.value = text();
			document.body.append(field);
			field.select();
			document.execCommand("copy");
			field.remove();
			button.focus();
		}
		button.textContent = copied;
		say(copied);
		clearTimeout(back);
		back = setTimeout(() => { button.textContent = label; }, 2500);
	});
	return button;
}
