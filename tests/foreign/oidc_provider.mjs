// A whole authorization server of somebody else's (oidc-provider), as the tests need it; see README.md.
// Usage: node oidc_provider.mjs SETTINGS.json; says where it listens, and ends with its standard input.
import { createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';

import { compactVerify } from 'jose';
import { errors, Provider } from 'oidc-provider';

const settings = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const { certificate, key, authority } = settings.tls;
const ACCOUNT = 'alice';
const HOUR = 3600;
const LIFETIMES = {
  AccessToken: HOUR, ClientCredentials: HOUR, Grant: HOUR, IdToken: HOUR, RefreshToken: HOUR, Session: HOUR, Interaction: HOUR,
};

// The resources (RFC 8707) that tokens can be asked for: one for each algorithm, and two that go wrong.
const jwt = (alg, audience) => ({ scope: 'read write', audience, accessTokenFormat: 'jwt', jwt: { sign: { alg } } });
const RESOURCES = {
  'urn:example:rs256': jwt('RS256'),
  'urn:example:ps256': jwt('PS256'),
  'urn:example:es256': jwt('ES256'),
  'urn:example:misdirected': jwt('RS256', 'urn:example:somebody-else'),
  'urn:example:opaque': { scope: 'read write', accessTokenFormat: 'opaque' },
};

function resourceServer(resource) {
  if (!Object.hasOwn(RESOURCES, resource)) throw new errors.InvalidTarget();
  return RESOURCES[resource];
}

const now = () => Math.floor(Date.now() / 1000);
const presented = (ctx) => ctx.socket.getPeerX509Certificate?.();

function configuration(knobs, aliases) {
  return {
    clients: settings.clients,
    jwks: { keys: settings.signing_keys },
    scopes: ['openid', 'offline_access', 'read', 'write'],
    discovery: aliases && { mtls_endpoint_aliases: aliases },
    clientAuthMethods: [
      'client_secret_basic', 'client_secret_post', 'private_key_jwt', 'none', 'tls_client_auth', 'self_signed_tls_client_auth',
    ],
    enabledJWA: { clientAuthSigningAlgValues: ['RS256', 'PS256', 'ES256'] },
    findAccount: (ctx, accountId) => ({ accountId, claims: () => ({ sub: accountId }) }),
    rotateRefreshToken: true,
    issueRefreshToken: (ctx, client, code) => client.grantTypeAllowed('refresh_token') && code.scopes.has('offline_access'),
    ttl: { ...LIFETIMES, DeviceCode: () => knobs.device_code_lifetime },
    cookies: { keys: ['made up'] },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      deviceFlow: { enabled: true },
      introspection: { enabled: true },
      revocation: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: (ctx, client, oneOf) => oneOf?.[0],
        useGrantedResource: () => true,
        getResourceServerInfo: (ctx, resource) => resourceServer(resource),
      },
      mTLS: {
        enabled: true,
        certificateBoundAccessTokens: true,
        selfSignedTlsClientAuth: true,
        tlsClientAuth: true,
        getCertificate: presented,
        certificateAuthorized: (ctx) => ctx.socket.authorized,
        certificateSubjectMatches: (ctx, property, expected) =>
          property === 'tls_client_auth_san_dns' && presented(ctx).subjectAltName === `DNS:${expected}`,
      },
    },
  };
}

// The grants of RFC 8693 and RFC 7523 that oidc-provider lacks: authentication, refusals and tokens are its own,
// the check of the presented token is ours.
function registerAssertionGrant(provider, name, parameter, others, answer) {
  provider.registerGrantType(name, async (ctx) => {
    const { client, params } = ctx.oidc;
    if (!params[parameter]) throw new errors.InvalidRequest(`missing required parameter(s): ${parameter}`);
    await verified(params[parameter], provider.issuer);
    const token = new provider.ClientCredentials({ client, scope: params.scope });
    const resource = params.resource ?? params.audience;
    if (resource) token.resourceServer = new provider.ResourceServer(resource, resourceServer(resource));
    ctx.body = { access_token: await token.save(), expires_in: token.expiration, token_type: 'Bearer', ...answer };
  }, [parameter, ...others]);
}

async function verified(token, audience) {
  try {
    const { payload } = await compactVerify(token, createPublicKey({ key: settings.subject_key, format: 'jwk' }));
    const claims = JSON.parse(Buffer.from(payload));
    if (claims.aud === audience && claims.sub && claims.exp > now()) return;
  } catch {
    // Said below.
  }
  throw new errors.InvalidGrant('the token presented is not acceptable');
}

// What a test may do to a server while it runs: POST /harness/NAME with JSON.
function controls(provider, knobs) {
  async function grantId(clientId, scope, resource) {
    const grant = new provider.Grant({ accountId: ACCOUNT, clientId });
    grant.addOIDCScope(scope);
    if (resource) grant.addResourceScope(resource, scope);
    return grant.save();
  }
  return {
    async knobs(changes) {
      const before = { ...knobs };
      Object.assign(knobs, changes);
      return before;
    },
    async refresh_tokens({ client_id, scope, resource, expires_in }) {
      const token = new provider.RefreshToken({
        accountId: ACCOUNT, client: await provider.Client.find(client_id), scope, resource, exp: now() + expires_in,
        grantId: await grantId(client_id, scope, resource), gty: 'authorization_code', rotations: 0,
      });
      token.jti = token.generateTokenId();
      return { refresh_token: await stored(token) };
    },
    async device_codes({ user_code, decision }) {
      const code = await provider.DeviceCode.findByUserCode(user_code.replace(/\W/g, ''));
      const { scope, resource } = code.params;
      if (decision === 'denied') Object.assign(code, { error: 'access_denied', errorDescription: 'the user said no' });
      else if (decision === 'expired') code.exp = now() - 1;
      else if (decision === 'approved') {
        Object.assign(code, { accountId: ACCOUNT, scope, resource, authTime: now(), grantId: await grantId(code.clientId, scope, resource) });
      } else throw new Error(`no such decision: ${decision}`);
      await stored(code);
      return {};
    },
  };
}

// Kept for an hour whatever its own end, so that one that has ended is known as such.
async function stored(model) {
  const { value, payload } = await model.getValueAndPayload();
  await model.adapter.upsert(model.jti, payload, HOUR);
  return value;
}

function makeProvider(issuer, aliases) {
  const knobs = { device_code_lifetime: 600, hidden_keys: [] };
  const provider = new Provider(issuer, configuration(knobs, aliases));
  const exchange = 'urn:ietf:params:oauth:grant-type:token-exchange';
  const parameters = ['subject_token_type', 'actor_token', 'actor_token_type', 'audience', 'resource', 'scope', 'requested_token_type'];
  registerAssertionGrant(provider, exchange, 'subject_token', parameters, {
    issued_token_type: 'urn:ietf:params:oauth:token-type:access_token',
  });
  registerAssertionGrant(provider, 'urn:ietf:params:oauth:grant-type:jwt-bearer', 'assertion', ['resource', 'scope'], {});
  provider.use(async (ctx, next) => {
    await next();
    if (ctx.oidc?.route === 'jwks') ctx.body = { keys: ctx.body.keys.filter(({ kid }) => !knobs.hidden_keys.includes(kid)) };
  });
  return { answer: provider.callback(), controls: controls(provider, knobs) };
}

async function serve(server) {
  await new Promise((listening) => { server.listen(0, '127.0.0.1', listening); });
  return `${server instanceof https.Server ? 'https' : 'http'}://localhost:${server.address().port}`;
}

function connect(server, { answer, controls: known }) {
  server.on('request', async (request, response) => {
    const name = /^\/harness\/(\w+)$/.exec(request.url)?.[1];
    if (name === undefined) return answer(request, response);
    try {
      const body = Buffer.concat(await request.toArray());
      response.end(JSON.stringify(await known[name](JSON.parse(body))));
    } catch (error) {
      response.writeHead(500).end(JSON.stringify({ problem: String(error) }));
    }
  });
}

const identity = { key, cert: certificate, ca: authority };
const servers = {
  http: http.createServer(),
  https: https.createServer(identity),
  mtls: https.createServer({ ...identity, requestCert: true, rejectUnauthorized: false }),
};
const urls = {};
for (const [name, server] of Object.entries(servers)) urls[name] = await serve(server);
const secure = makeProvider(urls.https, { token_endpoint: `${urls.mtls}/token` });
connect(servers.http, makeProvider(urls.http));
connect(servers.https, secure);
connect(servers.mtls, secure);
process.stdin.on('end', () => process.exit()).resume();
console.log(`listening ${JSON.stringify(urls)}`);
