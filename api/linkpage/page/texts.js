// The texts of the page, in the language of the page or of the browser.

const languages = ["en", "de", "es", "pt"];
let texts = {};

/** language is the one that the texts are in. */
export let language = "en";

/** prefer returns the language to begin with. */
export const prefer = () => (navigator.languages ?? [navigator.language])
	.map((tag) => tag.slice(0, 2).toLowerCase()).find((tag) => languages.includes(tag)) ?? "en";

/** use loads the texts of a language. */
export async function use(wanted) {
	if (!languages.includes(wanted) || (wanted === language && texts.title)) return;
	const answer = await fetch(`texts/${wanted}.json`, { credentials: "omit" });
	if (!answer.ok) throw new Error(`no texts: ${answer.status}`);
	texts = await answer.json();
	language = wanted;
	document.documentElement.lang = wanted;
	document.title = texts.title;
}

/** has says whether there is such a text. */
export const has = (key) => key in texts;

/** t returns a text with its places filled. */
export function t(key, places = {}) {
	return (texts[key] ?? key).replace(/\{(\w+)\}/g, (whole, name) => places[name] ?? whole);
}

/** number writes a number as people do in that language. */
export const number = (n) => new Intl.NumberFormat(language).format(n);

/** when writes a time as people do in that language. */
export const when = (at) => new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" }).format(new Date(at));
