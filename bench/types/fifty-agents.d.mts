export const agentsOnly: string;
export const agentsUsed: string;
