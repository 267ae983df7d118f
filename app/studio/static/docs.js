// Draws the API reference. validatorUrl is off: nothing of the document leaves this server.
"use strict";
const place = document.getElementById("reference");
window.SwaggerUIBundle({
  domNode: place,
  url: place.dataset.document,
  validatorUrl: null,
  deepLinking: true,
  docExpansion: "list",
  persistAuthorization: false,
});
