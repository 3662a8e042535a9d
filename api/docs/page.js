// Shows the OpenAPI document with Scalar, under a policy that allows neither
// inline styles nor anything from elsewhere.
"use strict";
(() => {
  const self = document.currentScript;
  const url = self.dataset.document;

  // Scalar makes <style> elements. The policy allows those with the page's nonce.
  const create = Document.prototype.createElement;
  Document.prototype.createElement = function (name, options) {
    const element = create.call(this, name, options);
    if (element instanceof HTMLStyleElement) element.setAttribute("nonce", self.nonce);
    return element;
  };

  // Its style attributes are set in the one way that the policy allows.
  const set = Element.prototype.setAttribute;
  Element.prototype.setAttribute = function (name, value) {
    if (name === "style" && this.style) this.style.cssText = value;
    else set.call(this, name, value);
  };

  const first = ["Auth", "Instances", "API keys", "Proxy", "Messages", "Events", "Webhooks", "Users", "Audit", "Health"];
  const rank = (tag) => (first.indexOf(tag.name) + first.length + 1) % (first.length + 1);

  addEventListener("DOMContentLoaded", () => {
    Scalar.createApiReference("#reference", {
      url,
      // Nothing leaves this server: no fonts, no proxy, no telemetry, no services of Scalar.
      withDefaultFonts: false,
      proxyUrl: "",
      telemetry: false,
      hideClientButton: true,
      showDeveloperTools: "never",
      agent: { disabled: true },
      mcp: { disabled: true },
      // A token that was typed in is gone with the page.
      persistAuth: false,
      documentDownloadType: "direct",
      tagsSorter: (a, b) => rank(a) - rank(b) || a.name.localeCompare(b.name),
    });
  });
})();
