// A Better Auth server as a Next.js frontend has it: e-mail and password, and the JWT plugin as it comes.
import { createServer } from "node:http";
import { betterAuth } from "better-auth";
import { memoryAdapter } from "better-auth/adapters/memory";
import { toNodeHandler } from "better-auth/node";
import { jwt } from "better-auth/plugins";

const tables = { user: [], session: [], account: [], verification: [], jwks: [] };
const server = createServer();

// The port is known before the base URL is.
server.listen(Number(process.argv[2] ?? 0), "127.0.0.1", () => {
  const baseURL = `http://127.0.0.1:${server.address().port}`;
  const auth = betterAuth({
    baseURL,
    secret: process.env.BETTER_AUTH_SECRET,
    database: memoryAdapter(tables),
    emailAndPassword: { enabled: true },
    rateLimit: { enabled: false },
    telemetry: { enabled: false },
    plugins: [jwt()],
  });
  const answer = toNodeHandler(auth);

  // What an operator does to the table of keys, by hand or by `rotationInterval`.
  const operations = {
    "/keys/expire": () => tables.jwks.forEach((key) => (key.expiresAt = new Date(Date.now() - 1000))),
    "/keys/delete": () => tables.jwks.splice(0),
  };

  server.on("request", (request, response) => {
    const operation = operations[request.url];
    if (operation === undefined) return answer(request, response);
    operation();
    response.end();
  });
  console.log(baseURL);
});
