// The passkey: only a tab of web.whatsapp.com can answer it. The extension does it by
// itself; a line for the browser's console does it without.

import { el, copyButton } from "./dom.js";
import { countdown } from "./codes.js";
import { base, secret, answerPasskey } from "./server.js";
import { t, language } from "./texts.js";

const onPhone = matchMedia("(pointer: coarse) and (hover: none)").matches;

/** requestAddress is what the extension finds in the address of its tab. */
function requestAddress(doc, name) {
	const request = JSON.stringify({ api: base, token: secret(), publicKey: doc.passkey.publicKey, name, language });
	const bytes = Array.from(new TextEncoder().encode(request), (b) => String.fromCharCode(b)).join("");
	return doc.passkey.origin + "/#wam-link=" + btoa(bytes).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
}

/** readAnswer takes the answer out of what was pasted, which a console may have quoted. */
export function readAnswer(text) {
	let value = text.trim();
	for (let i = 0; i < 2; i++) {
		try {
			value = JSON.parse(value);
		} catch {
			value = typeof value === "string" ? value.replace(/^'([^]*)'$/, "$1") : value;
		}
		if (typeof value === "object" && value?.response) return value;
	}
	return null;
}

function byHand(doc, tools) {
	const line = el("textarea", { id: "line", readonly: true, spellcheck: "false", translate: "no", onfocus: (e) => e.currentTarget.select() });
	line.value = doc.passkey.snippet;
	const answer = el("textarea", { id: "answer", spellcheck: "false", autocomplete: "off", maxlength: "60000", "aria-describedby": "answer-hint wrong" });
	const wrong = el("p", { class: "wrong", id: "wrong", role: "alert", hidden: true });
	const button = el("button", { type: "submit" }, t("send_answer"));
	const refuse = (text) => {
		wrong.textContent = text;
		wrong.hidden = false;
		answer.setAttribute("aria-invalid", "true");
		answer.focus();
	};
	async function send(event) {
		event.preventDefault();
		wrong.hidden = true;
		answer.removeAttribute("aria-invalid");
		const response = readAnswer(answer.value);
		if (!response) return refuse(t("answer_wrong"));
		const done = await tools.act(() => answerPasskey(response), button);
		if (!done && tools.page.wrong?.field) refuse(t("answer_refused", { detail: tools.page.wrong.message }));
	}
	return el("details", { class: "way" },
		el("summary", {}, t("by_hand")),
		el("div", { class: "way-body" },
			el("ol", { class: "steps" },
				el("li", {}, el("a", { href: doc.passkey.origin, target: "_blank", rel: "noopener noreferrer" }, t("hand_1"))),
				el("li", {}, t("hand_2")), el("li", {}, t("hand_3")), el("li", {}, t("hand_4"))),
			el("label", { for: "line" }, t("line")),
			line,
			el("div", { class: "actions" }, copyButton(t("copy_line"), t("copied"), () => line.value, tools.say)),
			el("form", { onsubmit: send },
				el("label", { for: "answer" }, t("answer")),
				el("p", { class: "hint", id: "answer-hint" }, t("answer_hint")),
				answer, wrong,
				el("div", { class: "actions" }, button))));
}

export function passkeyStep(doc, tools) {
	const count = el("p", { class: "count" });
	const clock = countdown(count, "passkey_left");
	const brand = JSON.parse(tools.page.brand || "null")?.name ?? "";
	return {
		title: t("passkey_title"),
		body: [
			el("p", {}, t("passkey_why")),
			el("p", {}, t("passkey_how")),
			count,
			onPhone ? el("div", { class: "notice" }, el("p", {}, t("needs_computer"))) : null,
			onPhone ? el("div", { class: "actions" }, copyButton(t("copy_link"), t("copied"), () => location.href, tools.say)) : null,
			el("h2", {}, t("by_extension")),
			el("p", {}, t("extension_lead")),
			el("div", { class: "actions" },
				el("a", { class: "button", id: "open-whatsapp", href: requestAddress(doc, brand), target: "_blank", rel: "noopener noreferrer" }, t("open_whatsapp"))),
			el("h2", {}, t("no_extension")),
			el("details", { class: "way" },
				el("summary", {}, t("install")),
				el("div", { class: "way-body" },
					el("ol", { class: "steps" },
						el("li", {}, el("a", { href: "extension.zip", download: "whatsapp-link-extension.zip" }, t("install_1"))),
						el("li", {}, t("install_2")), el("li", {}, t("install_3")), el("li", {}, t("install_4"))))),
			byHand(doc, tools),
		],
		update: (next) => clock.set(next.passkey?.expiresAt ?? next.expiresAt),
		leave: clock.stop,
	};
}
passkeyStep.key = (doc) => "passkey " + doc.passkey?.publicKey?.challenge;
