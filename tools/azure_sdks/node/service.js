// Calls of azure-iothub: one for each public method, each with what proves that it has done it.
'use strict';

const { called, eventually } = require('./rows');

const KEY = { primaryKey: 'c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlYyE=', secondaryKey: 'c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlYzI=' };
const CREDENTIAL = { getToken: async () => ({ token: 'eyJhbGciOiJub25lIn0.e30.', expiresOnTimestamp: Date.now() + 3600e3 }) };
const MODULE = 'part';
const STORE = 'https://storage.example/container?sv=1';

let number = 0;
const name = (stem) => `node-${stem}-${++number}`;

class World {
  constructor(libraries, about) {
    this.hub = libraries['azure-iothub'];
    this.sas = libraries['azure-iot-common'].SharedAccessSignature;
    this.about = about;
    this.registry = this.hub.Registry.fromConnectionString(about.service);
    this.parts = Object.fromEntries(about.service.split(';').map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]));
  }

  token() {
    const later = Math.floor(Date.now() / 1000) + 3600;
    return this.sas.create(this.parts.HostName, this.parts.SharedAccessKeyName, this.parts.SharedAccessKey, later).toString();
  }

  async device(stem = 'device') {
    return (await this.registry.create({ deviceId: name(stem) })).responseBody;
  }

  string(identity) {
    const module = identity.moduleId ? `;ModuleId=${identity.moduleId}` : '';
    const key = identity.authentication.symmetricKey.primaryKey;
    return `HostName=${this.about.address};DeviceId=${identity.deviceId}${module};SharedAccessKey=${key}`;
  }

  async module() {
    const { deviceId } = await this.device();
    await this.registry.addModule({ deviceId, moduleId: MODULE });
    return (await this.registry.getModule(deviceId, MODULE)).responseBody;
  }

  // A device, or a module, that answers every method with 200, for as long as `use` takes.
  async answering(identity, use) {
    const { Client, ModuleClient, Mqtt } = this.devices;
    const client = (identity.moduleId ? ModuleClient : Client).fromConnectionString(this.string(identity), Mqtt);
    await client.setOptions({ ca: this.about.ca, ...(identity.moduleId ? {} : { modelId: 'dtmi:com:example:Lamp;1' }) });
    const listen = (identity.moduleId ? client.onMethod : client.onDeviceMethod).bind(client);
    await client.open();
    for (const method of ['blink', 'lamp*blink']) listen(method, (request, response) => response.send(200, { done: true }));
    await client.getTwin();
    try {
      return await use(identity.deviceId);
    } finally {
      await client.close();
    }
  }
}

function registry(world) {
  const { registry: it, hub } = world;
  const jobs = async (job) => (await job).jobId;
  const configuration = async () => {
    const made = { id: name('configuration'), content: { deviceContent: { 'properties.desired.level': 3 } }, targetCondition: 'tags.none = 1', priority: 1 };
    return (await it.addConfiguration(made)).responseBody;
  };
  const ids = async () => (await it.list()).responseBody.map((device) => device.deviceId);
  return {
    fromConnectionString: async () => (await hub.Registry.fromConnectionString(world.about.service).getRegistryStatistics()).responseBody,
    fromSharedAccessSignature: async () => (await hub.Registry.fromSharedAccessSignature(world.token()).getRegistryStatistics()).responseBody,
    fromTokenCredential: async () => (await hub.Registry.fromTokenCredential(world.parts.HostName, CREDENTIAL).getRegistryStatistics()).responseBody,
    create: async () => (await world.device()).authentication.symmetricKey.primaryKey,
    update: async () => (await it.update({ ...(await world.device()), status: 'disabled' })).responseBody.status === 'disabled',
    get: async () => (await it.get((await world.device()).deviceId)).responseBody.deviceId,
    list: async () => (await ids()).includes((await world.device()).deviceId) || (await ids()).length > 0,
    delete: async () => {
      const { deviceId } = await world.device();
      await it.delete(deviceId);
      return !(await ids()).includes(deviceId);
    },
    addDevices: async () => (await it.addDevices([{ deviceId: name('bulk'), authentication: { symmetricKey: KEY } }])).responseBody.isSuccessful,
    updateDevices: async () => (await it.updateDevices([{ deviceId: (await world.device()).deviceId, status: 'disabled', authentication: { symmetricKey: KEY } }], true)).responseBody.isSuccessful,
    removeDevices: async () => (await it.removeDevices([{ deviceId: (await world.device()).deviceId }], true)).responseBody.isSuccessful,
    importDevicesFromBlob: () => jobs(it.importDevicesFromBlob(STORE, STORE)),
    importDevicesFromBlobByIdentity: () => jobs(it.importDevicesFromBlobByIdentity(STORE, STORE)),
    exportDevicesToBlob: () => jobs(it.exportDevicesToBlob(STORE, true)),
    exportDevicesToBlobByIdentity: () => jobs(it.exportDevicesToBlobByIdentity(STORE, true)),
    listJobs: async () => (await it.listJobs()).responseBody,
    getJob: async () => it.getJob((await it.exportDevicesToBlob(STORE, true)).jobId),
    cancelJob: async () => it.cancelJob((await it.exportDevicesToBlob(STORE, true)).jobId),
    getTwin: async () => (await it.getTwin((await world.device()).deviceId)).responseBody.deviceId,
    updateTwin: async () => (await it.updateTwin((await world.device()).deviceId, { tags: { room: 'attic' } }, '*')).responseBody.tags.room === 'attic',
    getModuleTwin: async () => (await it.getModuleTwin((await world.module()).deviceId, MODULE)).responseBody.moduleId,
    updateModuleTwin: async () => (await it.updateModuleTwin((await world.module()).deviceId, MODULE, { tags: { room: 'attic' } }, '*')).responseBody.tags.room === 'attic',
    createQuery: async () => {
      const { deviceId } = await world.device();
      const found = await it.createQuery(`SELECT * FROM devices WHERE deviceId = '${deviceId}'`).nextAsTwin();
      return found.result.length === 1 && found.result[0].deviceId === deviceId;
    },
    getRegistryStatistics: async () => (await it.getRegistryStatistics()).responseBody.totalDeviceCount !== undefined,
    addConfiguration: async () => (await configuration()).etag,
    getConfiguration: async () => (await it.getConfiguration((await configuration()).id)).responseBody.priority === 1,
    getConfigurations: async () => { const { id } = await configuration(); return (await it.getConfigurations()).responseBody.some((found) => found.id === id); },
    updateConfiguration: async () => (await it.updateConfiguration({ ...(await configuration()), priority: 7 }, true)).responseBody.priority === 7,
    removeConfiguration: async () => { await it.removeConfiguration((await configuration()).id); return true; },
    applyConfigurationContentOnDevice: async () => { await it.applyConfigurationContentOnDevice((await world.device()).deviceId, { modulesContent: { $edgeAgent: { 'properties.desired': {} } } }); return true; },
    addModule: async () => (await world.module()).moduleId,
    getModule: async () => (await world.module()).moduleId,
    getModulesOnDevice: async () => (await it.getModulesOnDevice((await world.module()).deviceId)).responseBody.length === 1,
    updateModule: async () => (await it.updateModule({ ...(await world.module()), managedBy: 'me' }, true)).responseBody.managedBy === 'me',
    removeModule: async () => {
      const { deviceId } = await world.module();
      await it.removeModule(deviceId, MODULE);
      return (await it.getModulesOnDevice(deviceId)).responseBody.length === 0;
    },
  };
}

function jobClient(world) {
  const { hub } = world;
  const it = hub.JobClient.fromConnectionString(world.about.service);
  const job = async (start) => {
    const { deviceId } = await world.device();
    const id = name('job');
    await it.scheduleTwinUpdate(id, `deviceId = '${deviceId}'`, { etag: '*', properties: { desired: { level: 3 } } }, start || new Date(), 60);
    return { id, deviceId };
  };
  const first = (client) => called(client.createQuery(), 'next');
  return {
    fromConnectionString: () => first(it),
    fromSharedAccessSignature: () => first(hub.JobClient.fromSharedAccessSignature(world.token())),
    fromTokenCredential: () => first(hub.JobClient.fromTokenCredential(world.parts.HostName, CREDENTIAL)),
    scheduleTwinUpdate: async () => { const { deviceId } = await job(); return eventually(async () => (await world.registry.getTwin(deviceId)).responseBody.properties.desired.level === 3); },
    scheduleDeviceMethod: async () => world.answering(await world.device(), async (deviceId) => {
      const id = name('job');
      await it.scheduleDeviceMethod(id, `deviceId = '${deviceId}'`, { methodName: 'blink', payload: null, responseTimeoutInSeconds: 10 }, new Date(), 60);
      return eventually(async () => (await it.getJob(id)).jobStatus.status === 'completed');
    }),
    getJob: async () => (await it.getJob((await job()).id)).jobStatus.jobId,
    cancelJob: async () => (await it.cancelJob((await job(new Date(Date.now() + 3600e3))).id)).jobStatus.status === 'cancelled',
    createQuery: async () => { await job(); return first(it); },
  };
}

function client(world) {
  const { hub } = world;
  const made = () => hub.Client.fromConnectionString(world.about.service);
  const opened = async (it, use) => {
    await it.open();
    try { return await use(it); } finally { await it.close(); }
  };
  const open = (it) => opened(it, async () => true);
  return {
    fromConnectionString: () => open(made()),
    fromSharedAccessSignature: () => open(hub.Client.fromSharedAccessSignature(world.token())),
    fromTokenCredential: () => open(hub.Client.fromTokenCredential(world.parts.HostName, CREDENTIAL)),
    open: () => open(made()),
    close: () => open(made()),
    setRetryPolicy: () => { made().setRetryPolicy(new world.retries.NoRetry()); return true; },
    send: async () => {
      const { deviceId } = await world.device();
      await opened(made(), (it) => it.send(deviceId, 'hello'));
      return (await world.registry.get(deviceId)).responseBody.cloudToDeviceMessageCount === 1;
    },
    invokeDeviceMethod: async () => world.answering(await world.device(), async (deviceId) => (await made().invokeDeviceMethod(deviceId, { methodName: 'blink' })).result.status === 200),
    getFeedbackReceiver: () => opened(made(), (it) => it.getFeedbackReceiver()),
    getFileNotificationReceiver: () => opened(made(), (it) => it.getFileNotificationReceiver()),
  };
}

function digitalTwinClient(world) {
  const { hub } = world;
  const it = new hub.DigitalTwinClient(new hub.IoTHubTokenCredentials(world.about.service));
  const device = async () => world.device();
  return {
    getDigitalTwin: async () => (await it.getDigitalTwin((await device()).deviceId)).$metadata,
    updateDigitalTwin: async () => {
      const { deviceId } = await device();
      await it.updateDigitalTwin(deviceId, [{ op: 'add', path: '/level', value: 3 }]);
      return (await it.getDigitalTwin(deviceId)).$metadata.level.desiredValue === 3;
    },
    invokeCommand: async () => world.answering(await device(), (deviceId) => it.invokeCommand(deviceId, 'blink', 'now')),
    invokeComponentCommand: async () => world.answering(await device(), (deviceId) => it.invokeComponentCommand(deviceId, 'lamp', 'blink', 'now')),
  };
}

function twin(world) {
  const made = async () => (await world.registry.getTwin((await world.device()).deviceId)).responseBody;
  return {
    get: async () => (await called(await made(), 'get')).deviceId,
    update: async () => (await called(await made(), 'update', { tags: { room: 'attic' } })).tags.room === 'attic',
    toJSON: async () => (await made()).toJSON().deviceId,
  };
}

module.exports = { World, name, registry, jobClient, client, digitalTwinClient, twin };
