// What an application does with npm's openai: chat, streaming, a tool loop, eight calls at once, an aborted stream, retries
// after 429 and 500, embeddings. Prints a transcript of what it saw, in an order of its own. Knows nothing of reenact.
import OpenAI from "openai";

const client = new OpenAI({ maxRetries: 3 });
const model = "toy-1";
const say = (...words) => console.log(...words);

const chat = await client.chat.completions.create({ model, messages: [{ role: "user", content: "hello" }] });
say("chat", chat.id, chat.choices[0].message.content, chat.usage.total_tokens);

const stream = await client.chat.completions.create({
  model, stream: true, messages: [{ role: "user", content: "stream please: žluťoučký kůň 🐎" }],
});
let text = "";
for await (const chunk of stream) text += chunk.choices[0]?.delta?.content ?? "";
say("stream", text);

const tools = [{ type: "function", function: { name: "lookup", parameters: { type: "object", properties: { q: { type: "string" } } } } }];
const messages = [{ role: "user", content: "use the tool" }];
for (let turn = 0; turn < 4; turn++) {
  const answer = await client.chat.completions.create({ model, messages, tools });
  const message = answer.choices[0].message;
  messages.push(message);
  if (!message.tool_calls) { say("tool loop", message.content); break; }
  for (const call of message.tool_calls) {
    say("tool call", call.id, call.function.name, call.function.arguments);
    messages.push({ role: "tool", tool_call_id: call.id, content: `result for ${call.function.arguments}` });
  }
}

const parallel = await Promise.all(Array.from({ length: 8 }, (_, i) =>
  client.chat.completions.create({ model, messages: [{ role: "user", content: `parallel ${i}` }] })));
parallel.forEach((answer, i) => say("parallel", i, answer.choices[0].message.content));

const aborted = await client.chat.completions.create({ model, stream: true, messages: [{ role: "user", content: "endless" }] });
let chunks = 0;
for await (const chunk of aborted) {
  say("aborted", chunk.choices[0].delta.content);
  if (++chunks === 3) { aborted.controller.abort(); break; }
}

for (const status of [429, 500]) {
  const answer = await client.chat.completions.create({ model, messages: [{ role: "user", content: `fail once with ${status}` }] });
  say("retried", status, answer.choices[0].message.content);
}

const embedding = await client.embeddings.create({ model, input: ["a", "b"] });
say("embeddings", embedding.data.map((d) => d.embedding.slice(0, 2).join(",")).join(" "));

try {
  await client.chat.completions.create({ model, messages: [{ role: "user", content: "bad request" }] });
} catch (error) {
  say("error", error.status, error.message);
}
