import type { ProviderRequest } from '../../contracts/provider.js';
import type { ModelToolDefinition } from './model-step.js';
import { bodyParams, type ParamNames } from './params.js';
import { type FormatWriter, type OutputFormat, outputRequest } from './structured-output.js';

/** The parts that the bodies of all model protocols share. */
export interface BodyParts {
  /** The call's parameters, under the provider's names. */
  readonly params: Readonly<Record<string, unknown>>;
  /** The format of the answer, if the provider has a field for it. */
  readonly format: OutputFormat | undefined;
  /** The agent's instructions, with the format of the answer if there is no such field; may be empty. */
  readonly system: string;
}

/** What is specific to one protocol. */
export interface Protocol {
  readonly names: ParamNames;
  /** Fields that the provider sets itself, so that they cannot be parameters. */
  readonly reserved: ReadonlySet<string>;
  /** Writes schemas in the form that the provider's structured output takes. */
  readonly writeFormat: FormatWriter;
}

/** The parts of a request's body. */
export function bodyParts(
  request: ProviderRequest,
  { names, reserved, writeFormat }: Protocol,
  nativeOutput: boolean,
): BodyParts {
  const { format, instruction } = outputRequest(request.output, nativeOutput ? writeFormat : undefined);
  const texts = [request.instructions, instruction].filter((text) => text !== undefined && text !== '');
  return { params: bodyParams(request.params, names, reserved), format, system: texts.join('\n\n') };
}

/** The tools in the parameters, which the provider runs itself, followed by the agent's own. */
export function allTools(
  params: Readonly<Record<string, unknown>>,
  tools: readonly ModelToolDefinition[],
  toTool: (tool: ModelToolDefinition) => object,
): object[] {
  return [...(Array.isArray(params.tools) ? params.tools : []), ...tools.map(toTool)];
}
