"use strict";
SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#viewer",
  deepLinking: true,
  docExpansion: "list",
  filter: true,
  defaultModelsExpandDepth: -1,
  persistAuthorization: false,
  syntaxHighlight: false,
  validatorUrl: null,
});
