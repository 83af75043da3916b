import type { AgentDefinition } from '../contracts/agent.js';
import type { OutputSchema } from '../contracts/output-schema.js';
import { InvalidArgumentError } from '../errors/input-errors.js';
import { canonicalJson } from '../hashing/canonical-json.js';
import { sha256Hex } from '../hashing/digest.js';
import { isZodSchema, jsonSchemaOf, jsonSchemaWriter, needsJsonSchemaWriter } from '../output/json-schema.js';

const digests = new WeakMap<AgentDefinition, { digest: string | undefined }>();

/**
 * What of an agent's definition can change its answers, as one short text: instructions, version, output schema
 * and provider. `undefined` where it has none of these, as a plain function: its name says all there is to know.
 * Where its schema {@link needsJsonSchemaWriter}, that has to be loaded before.
 */
export function definitionDigest(definition: AgentDefinition): string | undefined {
  let known = digests.get(definition);
  if (known === undefined) {
    known = { digest: digestOf(definition) };
    digests.set(definition, known);
  }
  return known.digest;
}

function digestOf(definition: AgentDefinition): string | undefined {
  const identity = definitionParts(definition);
  return Object.keys(identity).length === 0 ? undefined : sha256Hex(canonicalJson(identity, 'definition'));
}

/** The parts of a definition that the digest is made from. */
export function definitionParts({
  instructions,
  version,
  output,
  provider,
}: AgentDefinition): Record<string, unknown> {
  const identity: Record<string, unknown> = {};
  if (instructions !== undefined) identity.instructions = instructions;
  if (version !== undefined) identity.version = version;
  if (output !== undefined) identity.output = schemaText(output);
  if (provider !== undefined) identity.provider = { name: provider.name, ...provider.identity };
  return identity;
}

/** What describes schemas of zod/mini is loaded with the registration of their agents, which takes a moment. */
function tooEarly(): InvalidArgumentError {
  return new InvalidArgumentError(
    'output',
    'output: the schema comes from zod/mini, and what describes it is still being loaded. Ask again after the first call ' +
      'of the agent, or use a schema of zod.',
  );
}

/** The schema as JSON Schema. What it says beyond that (refinements, transforms) does not count: raise `version`. */
function schemaText(output: OutputSchema): string {
  // There is nothing to read in the schema of another library.
  if (!isZodSchema(output)) return 'opaque';
  // Before anything else is made of it: a digest that says less would mix up answers.
  const writer = jsonSchemaWriter.loaded;
  if (writer === undefined && needsJsonSchemaWriter(output)) throw tooEarly();
  try {
    return JSON.stringify(jsonSchemaOf(output, { unrepresentable: 'any' }, writer));
  } catch {
    return 'opaque';
  }
}
