// The first step: a QR code to scan, or a code to type on the phone.

import { el, copyButton } from "./dom.js";
import { now } from "./server.js";
import { t } from "./texts.js";

/** countdown writes how long there is time, second by second. */
export function countdown(line, key) {
	let until = 0;
	const write = () => {
		const left = Math.max(0, Math.round((until - now()) / 1000));
		const time = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`;
		line.textContent = until ? t(left ? key : key + "_over", { time }) : "";
	};
	const timer = setInterval(write, 500);
	return {
		set: (at) => { until = at ? Date.parse(at) : 0; write(); },
		stop: () => clearInterval(timer),
	};
}

const list = (...keys) => el("ol", { class: "steps" }, keys.map((key) => el("li", {}, t(key))));

export function qrStep(_, tools) {
	const box = el("div", { class: "code-box" });
	const count = el("p", { class: "count" });
	const clock = countdown(count, "qr_left");
	let drawn;
	return {
		title: t("qr_title"),
		body: [
			el("p", { class: "lead" }, t("qr_lead")),
			el("div", { class: "scan" },
				box,
				el("div", {},
					list("qr_1", "qr_2", "qr_3"),
					el("h2", {}, t("same_phone")),
					el("p", {}, t("same_phone_lead")),
					el("button", { type: "button", class: "second", onclick: () => tools.choose(true) }, t("use_code")))),
		],
		update(doc) {
			clock.set(doc.step === "qr" && doc.qrCode ? doc.expiresAt : null);
			if (drawn === (doc.qrCode ?? "")) return;
			drawn = doc.qrCode ?? "";
			box.replaceChildren(drawn
				? el("img", { class: "qr", src: drawn, alt: t("qr_alt"), width: "280", height: "280" })
				: el("div", { class: "qr waits" }, el("div", {}, el("div", { class: "busy" }), el("p", {}, t("qr_wait")))), count);
		},
		leave: clock.stop,
	};
}
qrStep.key = () => "qr";

export function phoneStep(doc, tools) {
	const wrong = el("p", { class: "wrong", id: "wrong", role: "alert", hidden: true });
	const field = el("input", {
		id: "number", type: "tel", name: "number", autocomplete: "tel", inputmode: "tel", required: true, maxlength: "40",
		"aria-describedby": "number-hint wrong",
	});
	const button = el("button", { type: "submit" }, t("get_code"));
	const refuse = (text) => {
		wrong.textContent = text;
		wrong.hidden = false;
		field.setAttribute("aria-invalid", "true");
		field.focus();
	};
	async function send(event) {
		event.preventDefault();
		wrong.hidden = true;
		field.removeAttribute("aria-invalid");
		const digits = field.value.replace(/\D/g, "");
		if (digits.length < 7 || digits.length > 15) return refuse(t("number_wrong"));
		const done = await tools.begin(field.value.trim(), button);
		if (!done && tools.page.wrong?.field) refuse(t("number_wrong"));
	}
	return {
		title: t("phone_title"),
		body: [
			el("p", { class: "lead" }, t("phone_lead")),
			el("form", { novalidate: true, onsubmit: send },
				el("label", { for: "number" }, t("number")),
				el("p", { class: "hint", id: "number-hint" }, t("number_hint")),
				field, wrong,
				el("div", { class: "actions" },
					button,
					el("button", {
						type: "button", class: "second",
						onclick: (e) => (doc.step === "qr" ? tools.choose(false) : tools.begin(undefined, e.currentTarget)),
					}, t("use_qr")))),
		],
	};
}
phoneStep.key = () => "phone";

export function codeStep(doc, tools) {
	const count = el("p", { class: "count" });
	const clock = countdown(count, "code_left");
	return {
		title: t("code_title"),
		body: [
			el("p", { class: "big", translate: "no" }, doc.code),
			list("code_1", "code_2", "code_3", "code_4"),
			count,
			el("div", { class: "actions" },
				copyButton(t("copy_code"), t("copied"), () => doc.code, tools.say),
				el("button", { type: "button", class: "second", onclick: () => tools.choose(false) }, t("use_qr"))),
		],
		update: (next) => clock.set(next.expiresAt),
		leave: clock.stop,
	};
}
codeStep.key = (doc) => "code " + doc.code;
