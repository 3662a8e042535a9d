// What follows the code, and the ends: compare, wait, done, failed, over.

import { el, icon } from "./dom.js";
import { confirm } from "./server.js";
import { t, has, number } from "./texts.js";

const tick = "M5 12.5 10 17.5 19.5 7";
const cross = "M12 7v6m0 3.5v.1";

const mark = (path, kind = "") => el("div", { class: "mark " + kind }, icon(path));
const busy = () => el("div", { class: "busy" });

export function loadingStep() {
	return { title: t("loading_title"), above: [busy()], body: [el("p", { class: "lead" }, t("loading"))] };
}
loadingStep.key = () => "loading";

export function confirmStep(doc, tools) {
	const asked = doc.step === "confirm" && doc.confirmation?.required;
	const buttons = [];
	const say = (matches) => (event) => tools.act(async () => {
		for (const b of buttons) b.disabled = true;
		await confirm(matches);
	}, event.currentTarget).finally(() => { for (const b of buttons) b.disabled = false; });
	buttons.push(
		el("button", { type: "button", onclick: say(true) }, t("matches")),
		el("button", { type: "button", class: "alarm", onclick: say(false) }, t("differs")));
	return {
		title: t("confirm_title"),
		body: [
			el("p", { class: "lead" }, t(asked ? "confirm_lead" : "confirm_wait")),
			el("p", { class: "big", translate: "no", id: "confirmation" }, doc.confirmation?.code ?? ""),
			asked ? el("p", {}, t("confirm_warning")) : busy(),
			asked ? el("div", { class: "actions" }, buttons) : null,
		],
	};
}
confirmStep.key = (doc) => `confirm ${doc.confirmation?.code} ${doc.step === "confirm" && doc.confirmation?.required}`;

export function linkingStep() {
	return { title: t("linking_title"), above: [busy()], body: [el("p", { class: "lead" }, t("linking_lead"))] };
}
linkingStep.key = () => "linking";

export function syncingStep() {
	const bar = el("progress", { max: "100", "aria-label": t("syncing_title") });
	const line = el("p", { class: "quiet" });
	return {
		title: t("syncing_title"),
		body: [el("p", { class: "lead" }, t("syncing_lead")), bar, line],
		update({ progress }) {
			if (progress?.percent) bar.value = progress.percent;
			else bar.removeAttribute("value");
			line.textContent = progress?.chats || progress?.messages
				? t("syncing_count", { chats: number(progress.chats ?? 0), messages: number(progress.messages ?? 0) }) : "";
		},
	};
}
syncingStep.key = () => "syncing";

export function readyStep(_, tools) {
	const to = tools.page.redirectUrl;
	const wait = 4;
	let timer;
	if (to) timer = setTimeout(() => location.assign(to), wait * 1000);
	return {
		title: t("ready_title"), above: [mark(tick)],
		body: [
			el("p", { class: "lead" }, t("ready_lead")),
			to ? el("p", {}, t("redirect", { host: new URL(to).host })) : el("p", {}, t("close")),
			to ? el("div", { class: "actions" }, el("a", { class: "button", href: to, rel: "noreferrer" }, t("go_on"))) : null,
		],
		leave: () => clearTimeout(timer),
	};
}
readyStep.key = () => "ready";

export function failedStep(doc, tools) {
	return {
		title: t("failed_title"), above: [mark(cross, "bad")],
		body: [
			el("p", { class: "lead" }, t("failed_lead")),
			el("div", { class: "actions" },
				el("button", { type: "button", onclick: (e) => tools.begin(undefined, e.currentTarget) }, t("new_code")),
				el("button", { type: "button", class: "second", onclick: () => tools.choose(true) }, t("use_code"))),
		],
	};
}
failedStep.key = (doc) => "failed " + (doc.error?.code ?? "");

export function stoppedStep() {
	return { title: t("stopped_title"), above: [mark(cross, "bad")], body: [el("p", {}, t("err_stopped")), el("p", { class: "lead" }, t("stopped_lead"))], ownError: true };
}
stoppedStep.key = () => "stopped";

export function overStep(doc) {
	const known = has("over_" + doc.code);
	return {
		title: t(doc.code === "page_done" ? "ready_title" : "over_title"),
		above: [doc.code === "page_done" ? mark(tick) : mark(cross, "bad")],
		body: [el("p", { class: "lead" }, known ? t("over_" + doc.code) : doc.detail || t("over_unknown_link"))],
	};
}
overStep.key = (doc) => "over " + doc.code;
