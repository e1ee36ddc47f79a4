// Serves a Discord that nobody here wrote, and does there what people do: `node serve.mjs FOLDER`.
//
// FOLDER holds the installed packages. The first line of the output is the port; then each line of
// the input is a request `{"id": 1, "do": "say", …}`, answered by a line `{"id": 1, "result": …}`.

import { createInterface } from 'node:readline'
import path from 'node:path'
import { pathToFileURL } from 'node:url'

const folder = path.resolve(process.argv[2], 'node_modules/discord-digital-twin/dist/index.js')
const { DigitalDiscord } = await import(pathToFileURL(folder).href)

const seed = JSON.parse(process.argv[3])
const twin = new DigitalDiscord(seed)
await twin.start()

// It names nobody in `mentions`; Discord does, whoever may read the text.
const gateway = twin.server.gateway
const broadcast = gateway.broadcast.bind(gateway)
// It gives a message's thread an id of its own; Discord gives it the message's.
let renaming = Promise.resolve()
const rename = async (thread) => {
  const { starterMessageId } = await twin.prisma.channel.findUnique({ where: { id: thread.id } })
  const id = starterMessageId ?? thread.id
  await twin.prisma.channel.update({ where: { id: thread.id }, data: { id } })
  broadcast('THREAD_CREATE', { ...thread, id })
}
gateway.broadcast = (event, data) => {
  if (event === 'THREAD_CREATE') {
    renaming = renaming.then(() => rename(data))
    return
  }
  const named = [...(data.content ?? '').matchAll(/<@!?(\d+)>/g)].map((found) => found[1])
  const people = [...seed.users, { ...seed.botUser, bot: true }]
  const mentions = people
    .filter((person) => named.includes(person.id))
    .map(({ id, username, bot }) => ({ id, username, bot, discriminator: '0', avatar: null }))
  broadcast(event, event.startsWith('MESSAGE_') ? { ...data, mentions } : data)
}

// It does not tell of the application at the address that discord.py asks, nor of its owner.
const http = twin.server.httpServer
const [serve] = http.listeners('request')
const [ada] = seed.users
const application = {
  id: twin.botUserId,
  name: 'Parlance',
  icon: null,
  description: '',
  bot_public: false,
  bot_require_code_grant: false,
  verify_key: '',
  flags: 0,
  owner: { ...ada, discriminator: '0', avatar: null },
}

// It says nothing to a callback, where Discord answers what became of it.
const answerCallback = (response, interaction) => {
  const writeHead = response.writeHead.bind(response)
  response.writeHead = (status, ...rest) => {
    if (status !== 204) return writeHead(status, ...rest)
    response.end = ((end) => () => end(JSON.stringify({ interaction: { id: interaction, type: 2 } })))(
      response.end.bind(response),
    )
    return writeHead(200, { 'Content-Type': 'application/json' })
  }
}

http.removeAllListeners('request')
http.on('request', (request, response) => {
  if (request.url.startsWith('/api/v10/oauth2/applications/@me')) {
    response.writeHead(200, { 'Content-Type': 'application/json' })
    response.end(JSON.stringify(application))
    return
  }
  const callback = request.url.match(/\/interactions\/(\d+)\/[^/]+\/callback/)
  if (callback) answerCallback(response, callback[1])
  if (/\/messages\/\d+\/threads$/.test(request.url)) {
    const end = response.end.bind(response)
    response.end = (...rest) => renaming.then(() => end(...rest))
  }
  serve(request, response)
})

const isPrivate = (response) => (JSON.parse(response.data ?? '{}').flags & 64) !== 0

const doing = {
  say: ({ channel, user, text }) =>
    twin.simulateUserMessage({ channelId: channel, userId: user, content: text }),
  thread: ({ message }) => twin.prisma.channel.findUnique({ where: { id: message } }),
  remove: ({ channel, message }) =>
    twin.simulateUserMessageDelete({ channelId: channel, messageId: message }),
  interact: ({ type, channel, user, data, message }) =>
    twin.simulateInteraction({ type, channelId: channel, userId: user, data, messageId: message }),
  response: async ({ interaction }) => {
    const found = await twin.prisma.interactionResponse.findUnique({
      where: { interactionId: interaction },
    })
    return found?.acknowledged ? { type: found.type, data: JSON.parse(found.data ?? '{}') } : null
  },
  // The bot's messages, oldest first. A deferred answer forgets that it is for one person alone.
  messages: async () => {
    const found = await twin.prisma.message.findMany({ where: { authorId: twin.botUserId } })
    const responses = await twin.prisma.interactionResponse.findMany()
    const hidden = new Set(responses.filter(isPrivate).map((response) => response.messageId))
    return found
      .sort((a, b) => Number(BigInt(a.id) - BigInt(b.id)))
      .map(({ id, channelId, content, flags, components, attachments }) => ({
        id,
        channel: channelId,
        content,
        private: (flags & 64) !== 0 || hidden.has(id),
        components: JSON.parse(components),
        attachments: JSON.parse(attachments),
      }))
  },
  connections: () => gateway.clients.filter((client) => client.identified).map((c) => c.sessionId),
}

console.log(twin.port)
for await (const line of createInterface({ input: process.stdin })) {
  const { id, do: what, ...given } = JSON.parse(line)
  try {
    console.log(JSON.stringify({ id, result: (await doing[what](given)) ?? null }))
  } catch (error) {
    console.log(JSON.stringify({ id, error: String(error?.stack ?? error) }))
  }
}
await twin.stop()
process.exit(0)
