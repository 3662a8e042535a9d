// The texts of the overlay, in the language of the link page or of the browser.
"use strict";

globalThis.wamTexts = (wanted) => {
	const all = {
		en: {
			title: "Link your WhatsApp account?",
			lead: "A link page asks for the passkey of your WhatsApp account. The account is linked with:",
			named: "It calls itself “{name}”.",
			meaning: "This site can then read and send messages in your name, like any linked device.",
			warning: "Continue only if you opened this site's link page yourself, and know whose it is. WhatsApp never asks you to do this.",
			go: "Continue with the passkey", again: "Try again", cancel: "Cancel", close: "Close",
			asking: "The browser asks for your passkey now.", sending: "Your answer is being sent.",
			done_title: "Done", done: "The answer was accepted. Close this tab, and go on in the link page.",
			not_allowed: "Nothing was sent: the passkey was not used, or the time was over. If it is on your phone, switch on Bluetooth on both devices, and try again.",
			failed: "The browser could not use the passkey: {detail}",
			refused: "The site did not accept the answer: {detail}",
			err_network: "The site cannot be reached. Check your connection, and try again.",
			err_rate_limited: "That was too often in a short time. Wait a minute, and try again.",
			err_page_done: "The account is linked already. You can close this tab.",
			err_page_expired: "The link page has expired. Ask for a new link.",
			err_page_revoked: "The link page was withdrawn. Ask for a new link.",
			err_unknown_link: "The site does not know this link page. Ask for a new link.",
			broken_title: "This does not work", broken: "The request in the address is damaged or not allowed, so nothing was done. Go back to the link page, and open WhatsApp Web from there again.",
		},
		de: {
			title: "Ihr WhatsApp-Konto verknüpfen?",
			lead: "Eine Seite fragt nach dem Passkey Ihres WhatsApp-Kontos. Das Konto wird verknüpft mit:",
			named: "Sie nennt sich „{name}“.",
			meaning: "Diese Website kann danach in Ihrem Namen Nachrichten lesen und senden, wie jedes verknüpfte Gerät.",
			warning: "Fahren Sie nur fort, wenn Sie die Seite dieser Website selbst geöffnet haben und wissen, wem sie gehört. WhatsApp bittet Sie nie darum.",
			go: "Mit Passkey fortfahren", again: "Noch einmal versuchen", cancel: "Abbrechen", close: "Schließen",
			asking: "Der Browser fragt jetzt nach Ihrem Passkey.", sending: "Ihre Antwort wird gesendet.",
			done_title: "Fertig", done: "Die Antwort wurde angenommen. Schließen Sie diesen Tab, und machen Sie auf der Seite weiter.",
			not_allowed: "Es wurde nichts gesendet: Der Passkey wurde nicht benutzt, oder die Zeit war um. Liegt er auf dem Telefon, schalten Sie an beiden Geräten Bluetooth ein, und versuchen Sie es noch einmal.",
			failed: "Der Browser konnte den Passkey nicht benutzen: {detail}",
			refused: "Die Website hat die Antwort nicht angenommen: {detail}",
			err_network: "Die Website ist nicht erreichbar. Prüfen Sie Ihre Verbindung, und versuchen Sie es noch einmal.",
			err_rate_limited: "Das war zu oft in kurzer Zeit. Warten Sie eine Minute, und versuchen Sie es wieder.",
			err_page_done: "Das Konto ist schon verknüpft. Sie können diesen Tab schließen.",
			err_page_expired: "Die Seite ist abgelaufen. Bitten Sie um einen neuen Link.",
			err_page_revoked: "Die Seite wurde zurückgezogen. Bitten Sie um einen neuen Link.",
			err_unknown_link: "Die Website kennt diese Seite nicht. Bitten Sie um einen neuen Link.",
			broken_title: "Das geht nicht", broken: "Die Anfrage in der Adresse ist beschädigt oder nicht erlaubt, deshalb ist nichts geschehen. Gehen Sie zurück, und öffnen Sie WhatsApp Web von dort noch einmal.",
		},
		es: {
			title: "¿Vincular tu cuenta de WhatsApp?",
			lead: "Una página pide la llave de acceso de tu cuenta de WhatsApp. La cuenta se vincula con:",
			named: "Dice llamarse «{name}».",
			meaning: "Este sitio podrá leer y enviar mensajes en tu nombre, como cualquier dispositivo vinculado.",
			warning: "Continúa solo si has abierto tú la página de este sitio y sabes de quién es. WhatsApp nunca te pide que hagas esto.",
			go: "Continuar con la llave de acceso", again: "Intentar otra vez", cancel: "Cancelar", close: "Cerrar",
			asking: "El navegador pide ahora tu llave de acceso.", sending: "Se está enviando tu respuesta.",
			done_title: "Listo", done: "La respuesta se ha aceptado. Cierra esta pestaña y continúa en la página.",
			not_allowed: "No se ha enviado nada: la llave de acceso no se ha usado o se acabó el tiempo. Si está en tu teléfono, activa el Bluetooth en los dos dispositivos e inténtalo otra vez.",
			failed: "El navegador no ha podido usar la llave de acceso: {detail}",
			refused: "El sitio no ha aceptado la respuesta: {detail}",
			err_network: "No se puede llegar al sitio. Comprueba tu conexión e inténtalo otra vez.",
			err_rate_limited: "Han sido demasiados intentos en poco tiempo. Espera un minuto e inténtalo otra vez.",
			err_page_done: "La cuenta ya está vinculada. Puedes cerrar esta pestaña.",
			err_page_expired: "La página ha caducado. Pide un enlace nuevo.",
			err_page_revoked: "La página se ha retirado. Pide un enlace nuevo.",
			err_unknown_link: "El sitio no conoce esta página. Pide un enlace nuevo.",
			broken_title: "No es posible", broken: "La petición de la dirección está dañada o no se permite, así que no se ha hecho nada. Vuelve a la página y abre WhatsApp Web desde allí otra vez.",
		},
		pt: {
			title: "Conectar a sua conta do WhatsApp?",
			lead: "Uma página pede a chave de acesso da sua conta do WhatsApp. A conta é conectada com:",
			named: "Ela se chama “{name}”.",
			meaning: "Este site poderá ler e enviar mensagens em seu nome, como qualquer aparelho conectado.",
			warning: "Continue apenas se você mesmo abriu a página deste site e sabe de quem ela é. O WhatsApp nunca pede que você faça isto.",
			go: "Continuar com a chave de acesso", again: "Tentar de novo", cancel: "Cancelar", close: "Fechar",
			asking: "O navegador pede agora a sua chave de acesso.", sending: "A sua resposta está sendo enviada.",
			done_title: "Pronto", done: "A resposta foi aceita. Feche esta aba e continue na página.",
			not_allowed: "Nada foi enviado: a chave de acesso não foi usada ou o tempo acabou. Se ela está no celular, ligue o Bluetooth nos dois aparelhos e tente de novo.",
			failed: "O navegador não conseguiu usar a chave de acesso: {detail}",
			refused: "O site não aceitou a resposta: {detail}",
			err_network: "O site não pode ser alcançado. Verifique a sua conexão e tente de novo.",
			err_rate_limited: "Foram tentativas demais em pouco tempo. Espere um minuto e tente de novo.",
			err_page_done: "A conta já está conectada. Você pode fechar esta aba.",
			err_page_expired: "A página expirou. Peça um novo link.",
			err_page_revoked: "A página foi cancelada. Peça um novo link.",
			err_unknown_link: "O site não conhece esta página. Peça um novo link.",
			broken_title: "Não é possível", broken: "O pedido no endereço está danificado ou não é permitido, por isso nada foi feito. Volte à página e abra o WhatsApp Web de lá de novo.",
		},
	};
	const browser = (navigator.language ?? "en").slice(0, 2).toLowerCase();
	const language = [wanted, browser, "en"].find((l) => Object.hasOwn(all, l));
	const texts = all[language];
	const t = (key, places = {}) => texts[key].replace(/\{(\w+)\}/g, (whole, name) => places[name] ?? whole);
	t.has = (key) => Object.hasOwn(texts, key);
	t.language = language;
	return t;
};
